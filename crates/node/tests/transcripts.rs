//! Transcripts, judged without a socket: a node with one worker, a machine that does nothing and a clock that the
//! transcript turns.
//!
//! What over TCP can only be waited for is exact here: a key is there one millisecond before its time and gone at it.
//! Every transcript is judged twice, with due keys swept as time passes and with none ever swept, because no reply may
//! depend on when an expired key is reclaimed.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use config::{Appended, Config};
use engine::Shared;
use engine::host::{MemoryFigures, PersistenceFigures, Shutdown};
use keyspace::{LogPosition, Snapshot};
use node::{Background, Identity, Input, JournalLetter, Machine, Mail, Node, Now, Settings, Worker};
use resp::{FrameDecoder, Protocol};
use stdx::time::UnixMs;
use transcript::{Judge, Peer, Reply, Stand};

/// When a test begins: some moment after which no expiry in a transcript is in the past unless it says so.
const BEGIN: UnixMs = UnixMs(1_767_225_600_000);

thread_local! {
    /// Nanoseconds that have passed in this test; the node reads the clock through a plain function.
    static PASSED_NS: Cell<u64> = const { Cell::new(0) };
}

/// A machine that keeps letters for the only worker and does nothing else.
#[derive(Default)]
struct Quiet {
    letters: Mutex<Vec<Mail>>,
}

impl Machine for Quiet {
    fn post(&self, _: usize, mail: Mail) {
        self.letters.lock().expect("no test panics with the letters").push(mail);
    }
    fn journal(&self, _: JournalLetter) {}
    fn released(&self) -> LogPosition {
        LogPosition::default()
    }
    fn begin(&self, _: Background) {}
    fn save_now(&self, _: &Shared, _: Snapshot) -> Result<(), String> {
        Ok(())
    }
    fn shutdown(&self, _: Shutdown) -> Result<(), String> {
        Ok(())
    }
    fn memory(&self) -> MemoryFigures {
        MemoryFigures::default()
    }
    fn purge_memory(&self) {}
    fn warn(&self, _: &str) {}
    fn persistence(&self) -> PersistenceFigures {
        PersistenceFigures::default()
    }
    fn processor_us(&self) -> (u64, u64) {
        (0, 0)
    }
    fn rewrite_config(&self, _: &Config, _: Appended) -> Result<(), String> {
        Ok(())
    }
}

/// A connection of the node, seen from the client's side.
struct Peerless {
    number: usize,
    decoder: FrameDecoder,
    /// What was sent and not decoded.
    received: Vec<u8>,
    is_closed: bool,
}

/// A node on the stand.
struct InProcess<'n> {
    peer: Peer,
    machine: Arc<Quiet>,
    worker: Worker<'n>,
    now: Now,
    /// Whether due keys are swept as time passes.
    sweeps: bool,
    protocol: Protocol,
    clients: BTreeMap<String, Peerless>,
}

impl InProcess<'_> {
    /// A turn of the event loop, in which a connection has sent `bytes`.
    fn turn(&mut self, arena: &[u8], from: Option<usize>) {
        for mail in
            std::mem::take(&mut *self.machine.letters.lock().expect("no test panics with the letters"))
        {
            self.worker.receive(self.now, mail);
        }
        while self.worker.next_resumed().is_some() {}
        let mut inputs = std::mem::take(self.worker.inputs());
        if let Some(connection) = from {
            let has_half = match self.worker.unfinished_input(connection) {
                Some(half) => {
                    half.room(arena.len()).0.extend_from_slice(arena);
                    true
                }
                None => false,
            };
            inputs.push(Input { connection, range: if has_half { 0..0 } else { 0..arena.len() } });
        }
        self.worker.execute(self.now, arena, &inputs);
        self.worker.tick(self.now);
        self.deliver();
    }

    /// Hands outputs to their clients and closes what is finished.
    fn deliver(&mut self) {
        for number in self.worker.take_writable() {
            let output = self.worker.output(number);
            let bytes = output.bytes().to_vec();
            output.consume(bytes.len());
            if let Some(client) =
                self.clients.values_mut().find(|client| client.number == number && !client.is_closed)
            {
                client.received.extend(bytes);
            }
            self.worker.written(number);
        }
        while let Some(number) = self.worker.next_finished() {
            if let Some(client) = self.clients.values_mut().find(|client| client.number == number) {
                client.is_closed = true;
            }
            self.worker.close(number);
        }
    }

    /// A client's connection, opened if it is new.
    fn connect(&mut self, name: &str) -> usize {
        if let Some(client) = self.clients.get(name) {
            return client.number;
        }
        let address = format!("127.0.0.1:{}", 40_000 + self.clients.len());
        let number = self.worker.open(self.now, &address, "127.0.0.1:6379", false);
        let client =
            Peerless { number, decoder: FrameDecoder::default(), received: Vec::new(), is_closed: false };
        self.clients.insert(name.to_owned(), client);
        if self.protocol == Protocol::Resp3 {
            self.send(name, &[b"HELLO".to_vec(), b"3".to_vec()], true);
        }
        number
    }
}

impl Stand for InProcess<'_> {
    fn peer(&self) -> &Peer {
        &self.peer
    }

    fn begin(&mut self, protocol: Protocol) {
        for client in std::mem::take(&mut self.clients).into_values().filter(|client| !client.is_closed) {
            self.worker.close(client.number);
        }
        self.protocol = protocol;
        self.send("", &[b"FLUSHALL".to_vec()], true);
        let active = if self.sweeps { "1" } else { "0" };
        self.send("", &["DEBUG", "SET-ACTIVE-EXPIRE", active].map(Vec::from), true);
    }

    fn send(&mut self, client: &str, words: &[Vec<u8>], _: bool) -> Reply {
        let number = self.connect(client);
        let mut request = Vec::new();
        resp::write_command(&mut request, words);
        if !self.clients[client].is_closed {
            self.turn(&request, Some(number));
        }
        // Letters that the command caused, such as to the worker of a client that it killed.
        self.turn(&[], None);
        let client = self.clients.get_mut(client).expect("it is connected");
        let progress = client.decoder.decode(&client.received).expect("replies are well formed");
        client.received.drain(..progress.consumed);
        match progress.frame {
            Some(frame) => Reply::Frame(frame),
            None if client.is_closed => Reply::Closed,
            None => Reply::Nothing,
        }
    }

    fn pass(&mut self, milliseconds: u64) -> bool {
        self.now.unix.0 += milliseconds as i64;
        self.now.monotonic_ns += milliseconds * 1_000_000;
        PASSED_NS.set(self.now.monotonic_ns);
        self.turn(&[], None);
        // What a pause has held back runs in the turn after its end.
        self.turn(&[], None);
        true
    }
}

fn identity() -> Identity {
    Identity {
        run_id: "0".repeat(40),
        started: BEGIN,
        process_id: 1,
        system: "none".to_owned(),
        config_file: String::new(),
        executable: "/rustypotato-server".to_owned(),
        port: 6379,
        threads: 1,
    }
}

/// Judges a node by every transcript and fails with all that differs.
fn check(protocol: Protocol, sweeps: bool) {
    let mut config = Config::default();
    config.set("appendonly", b"no").expect("the append-only file can be off");
    let machine = Arc::new(Quiet::default());
    let settings = Settings { config, identity: identity(), seed: 7, clock: || PASSED_NS.get() };
    let node = Node::new(settings, Arc::clone(&machine) as Arc<dyn Machine>);
    let mut stand = InProcess {
        peer: Peer::own(),
        machine,
        worker: Worker::new(&node, 0, 7),
        now: Now { unix: BEGIN, monotonic_ns: 0 },
        sweeps,
        protocol,
        clients: BTreeMap::new(),
    };
    let mut wrong = Vec::new();
    let mut judged = 0;
    for (name, transcript) in transcript::all() {
        let verdict = Judge { protocol }.judge(&transcript, &mut stand);
        judged += verdict.judged;
        wrong.extend(verdict.differences.iter().map(|difference| format!("{name}: {difference}")));
    }
    assert!(wrong.is_empty(), "{} of {judged} replies differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_node_replies_as_written() {
    check(Protocol::Resp2, true);
}

#[test]
fn the_node_replies_as_written_in_the_newer_protocol() {
    check(Protocol::Resp3, true);
}

#[test]
fn no_reply_depends_on_whether_expired_keys_have_been_swept() {
    check(Protocol::Resp2, false);
}
