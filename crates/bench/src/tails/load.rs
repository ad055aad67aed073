//! The load: one thread that never sleeps, sends each request when it is due, and notes when its answer came.
//!
//! Waiting for events would round the times of sending to the system's timer, so the thread spins; it is
//! its own control, too: a gap between two looks at the clock is the machine's doing ([`Watch`]). Requests
//! go to the connections in turn, however many of them are still unanswered there, as those of clients that
//! know nothing of each other would.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};
use stdx::rng::Rng;

use super::machine::Watch;
use super::schedule::Schedule;
use crate::connection::{Address, Outgoing, Socket};
use crate::replies::ReplyCounter;
use crate::workload::{self, Shape, Workload};

/// The most unanswered requests of a connection of an open loop. Beyond it a request waits here, and its latency grows.
const MOST_IN_FLIGHT: usize = 4096;
/// How long after the last request its answer may come.
const PATIENCE_NS: u64 = 30_000_000_000;
/// The most requests that are sent before the answers are looked at again.
const SENT_AT_ONCE: usize = 64;
/// The most samples that room is made for beforehand.
const MOST_ROOM: u64 = 1 << 24;

/// How the load looks.
#[derive(Debug, Clone, Copy)]
pub struct Shares {
    pub clients: usize,
    pub keys: u64,
    pub value_size: usize,
    /// SETs of a hundred requests; the others are GETs.
    pub sets_percent: u64,
}

/// A request and how long it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    pub due_ns: u64,
    pub took_ns: u64,
}

/// All requests of a run.
#[derive(Debug, Default)]
pub struct Samples {
    pub gets: Vec<Sample>,
    pub sets: Vec<Sample>,
}

/// The connections.
pub struct Load {
    poll: Poll,
    events: Events,
    lines: Vec<Line>,
    buffer: Vec<u8>,
    get: Workload,
    set: Workload,
    shares: Shares,
    rng: Rng,
    /// The connection whose turn it is.
    turn: usize,
    unanswered: usize,
}

/// A connection, and its requests in the order in which they will be answered.
struct Line {
    socket: Socket,
    requests: Outgoing,
    waiting: VecDeque<Request>,
    replies: ReplyCounter,
}

struct Request {
    due_ns: u64,
    is_set: bool,
}

impl Load {
    /// Connects.
    pub fn connect(address: &Address, shares: Shares) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut lines = Vec::with_capacity(shares.clients);
        for number in 0..shares.clients {
            let mut socket = Socket::connect(address)?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(socket.source(), Token(number), interest)?;
            let (waiting, replies) = (VecDeque::new(), ReplyCounter::default());
            lines.push(Line { socket, requests: Outgoing::default(), waiting, replies });
        }
        let shape = Shape { value_size: shares.value_size, keyspace: Some(shares.keys) };
        let workload = |name: &str| workload::named(&[name.to_owned()], shape).map_err(io::Error::other);
        Ok(Self {
            poll,
            events: Events::with_capacity(1024),
            lines,
            buffer: vec![0; 64 * 1024],
            get: workload("get")?.remove(0),
            set: workload("set")?.remove(0),
            shares,
            rng: Rng::from_seed(42),
            turn: 0,
            unanswered: 0,
        })
    }

    /// Sends everything that is due before the end and waits for its answers.
    pub fn run(&mut self, mut schedule: Schedule, end_ns: u64, watch: &mut Watch) -> io::Result<Samples> {
        let mut samples = Samples::default();
        if let Schedule::Open { start_ns, rate, .. } = schedule {
            let expected = (end_ns - start_ns) / 1_000_000 * rate / 1000;
            samples.gets.reserve(expected.min(MOST_ROOM) as usize);
        }
        loop {
            let now_ns = watch.now();
            self.send_due(&mut schedule, now_ns, end_ns)?;
            if self.unanswered == 0 && schedule.is_over(now_ns, end_ns) {
                return Ok(samples);
            }
            if now_ns > end_ns + PATIENCE_NS {
                return Err(io::Error::new(ErrorKind::TimedOut, "the server does not answer any more"));
            }
            self.receive(&mut samples, watch)?;
        }
    }

    fn send_due(&mut self, schedule: &mut Schedule, now_ns: u64, end_ns: u64) -> io::Result<()> {
        let room = if matches!(schedule, Schedule::Closed) { 1 } else { MOST_IN_FLIGHT };
        let first = self.turn;
        let mut count = 0;
        while count < SENT_AT_ONCE.min(self.lines.len()) {
            let line = &mut self.lines[self.turn];
            // One that is full is passed over, or it would hold up all others.
            if line.waiting.len() < room {
                let Some(due_ns) = schedule.take(now_ns, end_ns) else { break };
                let is_set = self.rng.below(100) < self.shares.sets_percent;
                let workload = if is_set { &self.set } else { &self.get };
                let (rng, keys) = (&mut self.rng, self.shares.keys);
                line.begin(workload, Request { due_ns, is_set }, || rng.below(keys));
                self.unanswered += 1;
            }
            self.turn = (self.turn + 1) % self.lines.len();
            count += 1;
        }
        let lines = self.lines.len();
        (0..count).try_for_each(|step| self.lines[(first + step) % lines].flush())
    }

    fn receive(&mut self, samples: &mut Samples, watch: &mut Watch) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(Duration::ZERO)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        watch.now();
        for event in &self.events {
            let line = &mut self.lines[event.token().0];
            if event.is_writable() {
                line.flush()?;
            }
            if event.is_readable() || event.is_read_closed() {
                self.unanswered -= line.receive(&mut self.buffer, samples, watch)?;
            }
        }
        Ok(())
    }
}

impl Line {
    fn begin(&mut self, workload: &Workload, request: Request, draw: impl FnMut() -> u64) {
        workload.append(self.requests.room(), draw);
        self.waiting.push_back(request);
    }

    fn flush(&mut self) -> io::Result<()> {
        self.requests.flush(&mut self.socket)
    }

    /// Reads what is there, and gives how many requests were answered.
    fn receive(&mut self, buffer: &mut [u8], samples: &mut Samples, watch: &mut Watch) -> io::Result<usize> {
        let mut answered = 0;
        loop {
            let count = match self.socket.read(buffer) {
                Ok(0) => {
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed a connection"));
                }
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(answered),
                Err(error) => return Err(error),
            };
            let now_ns = watch.now();
            let replies = self.replies.count(&buffer[..count]);
            let replies = replies.map_err(|broken| io::Error::other(broken.to_string()))?;
            if let Some(error) = self.replies.take_errors().first {
                return Err(io::Error::other(format!("the load got an error: {error}")));
            }
            for _ in 0..replies {
                let request = self.waiting.pop_front();
                let request = request.ok_or_else(|| io::Error::other("more replies than requests"))?;
                let list = if request.is_set { &mut samples.sets } else { &mut samples.gets };
                list.push(Sample { due_ns: request.due_ns, took_ns: now_ns.saturating_sub(request.due_ns) });
                answered += 1;
            }
            // A read that leaves room has taken all there was; more will be announced.
            if count < buffer.len() {
                return Ok(answered);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::clock;

    /// A server that stands still before it answers its hundredth request.
    fn stumbling(pause: Duration) -> Address {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().expect("the load connects");
            let mut out = stream.try_clone().expect("a second handle");
            let lines = BufReader::new(stream).lines().map_while(Result::ok);
            for number in lines.filter(|line| line.starts_with("key:")).zip(1..).map(|(_, number)| number) {
                if number == 100 {
                    std::thread::park_timeout(pause);
                }
                if out.write_all(b"$-1\r\n").is_err() {
                    return;
                }
            }
        });
        Address::Tcp(address)
    }

    #[test]
    fn everybody_who_would_have_asked_during_a_stall_has_waited() {
        const PAUSE: Duration = Duration::from_millis(100);
        let shares = Shares { clients: 1, keys: 10, value_size: 3, sets_percent: 0 };
        let mut load = Load::connect(&stumbling(PAUSE), shares).expect("it listens");
        let start_ns = clock::now_ns();
        let schedule = Schedule::open(start_ns, 1000);
        let samples = load.run(schedule, start_ns + 400_000_000, &mut Watch::new(None)).expect("it answers");
        assert_eq!((samples.gets.len(), samples.sets.len()), (400, 0));
        assert!(samples.gets.windows(2).all(|two| two[1].due_ns - two[0].due_ns == 1_000_000));
        let late = samples.gets.iter().filter(|sample| sample.took_ns > 40_000_000).count();
        assert!(late >= 59, "only {late} of some sixty requests due in that time have waited");
    }
}
