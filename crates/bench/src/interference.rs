//! How much one client's heavy commands delay another client's light ones.
//!
//! One connection repeats a command over large collections as fast as it is answered. Meanwhile some others send a GET
//! in turn, one at a time, and the time to its answer is what is measured: a server that serves nobody while it works
//! shows it in the highest of them. Several connections ask, so that every worker of a server with many is asked.
//!
//! Where the server, the busy client and the asking one share few processors, the system's scheduler makes them wait
//! for each other as well. Two controls show how long: `idle` asks beside nothing, `spin` beside threads of the load
//! generator that keep as many processors busy as a command and its client do, without sending anything.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use client::Client;
use hdrhistogram::Histogram;

use crate::clock;
use crate::connection::Address;
use crate::options::InterferenceOptions;
use crate::replies::ReplyCounter;
use crate::target;
use crate::versus::Peer;

/// Connections that send light commands.
const ASKING: usize = 4;
/// Elements that one command adds when collections are filled.
const BATCH: usize = 1000;
/// Nanoseconds between an answer and the next question, so that asking does not take a processor.
const PAUSE_NS: u64 = 200_000;
/// The longest delay that is told apart.
const MOST_NS: u64 = 60_000_000_000;

/// What light commands are measured beside.
#[derive(Debug, Clone, Copy)]
enum Beside {
    /// So many threads that only count.
    Spinning(usize),
    /// A client that repeats these commands; [`fill`] makes what they name.
    Commands(&'static [&'static str]),
}

const TESTS: &[(&str, Beside)] = &[
    ("idle", Beside::Spinning(0)),
    ("spin", Beside::Spinning(2)),
    ("smembers", Beside::Commands(&["SMEMBERS set"])),
    ("hgetall", Beside::Commands(&["HGETALL hash"])),
    ("lrange", Beside::Commands(&["LRANGE list 0 -1"])),
    ("zrange", Beside::Commands(&["ZRANGE zset 0 -1"])),
    ("keys", Beside::Commands(&["KEYS *"])),
    ("sort", Beside::Commands(&["SORT list"])),
    ("sort_store", Beside::Commands(&["SORT list STORE target"])),
    ("sunionstore", Beside::Commands(&["SUNIONSTORE target set other"])),
    ("zunionstore", Beside::Commands(&["ZUNIONSTORE target 2 zset zother"])),
    ("zinter", Beside::Commands(&["ZINTER 2 zset zother"])),
    ("sintercard", Beside::Commands(&["SINTERCARD 2 set other"])),
    ("lpos", Beside::Commands(&["LPOS list nothing"])),
    ("lrem", Beside::Commands(&["LREM list 0 nothing"])),
    ("bitcount", Beside::Commands(&["BITCOUNT bits"])),
    ("zrangestore", Beside::Commands(&["ZRANGESTORE target zset 0 -1"])),
    ("zremrange", Beside::Commands(&["COPY zset target REPLACE", "ZREMRANGEBYRANK target 100 -100"])),
    ("xrange", Beside::Commands(&["XRANGE stream - +"])),
    ("geosearch", Beside::Commands(&["GEOSEARCH geo FROMLONLAT 0 0 BYRADIUS 20000 km"])),
    ("hrandfield", Beside::Commands(&["HRANDFIELD hash -1000000"])),
    ("spop", Beside::Commands(&["COPY set target REPLACE", "SPOP target 100000"])),
    ("del", Beside::Commands(&["COPY list target REPLACE", "DEL target"])),
];

/// What one test has shown of one server.
pub struct Row {
    pub test: String,
    pub peer: String,
    /// Heavy commands answered, and light ones.
    pub heavy: u64,
    pub light: u64,
    /// Delays of the light ones.
    pub p50_ms: f64,
    pub p999_ms: f64,
    pub most_ms: f64,
}

/// Runs all tests on all servers, which lose their data.
pub fn run(options: &InterferenceOptions, say: &dyn Fn(&str)) -> io::Result<Vec<Row>> {
    let peers = options.peers.iter().map(|text| Peer::parse(text)).collect::<io::Result<Vec<_>>>()?;
    let chosen = chosen(&options.tests)?;
    let mut rows = Vec::new();
    for peer in &peers {
        say(&format!("filling {}", peer.name));
        let mut client = target::connect(&peer.target)?;
        fill(&mut client, options.members, chosen.iter().any(|(name, _)| *name == "keys"))?;
        for &(name, beside) in &chosen {
            say(&format!("{name}: {}", peer.name));
            rows.push(measure(peer, name, beside, options.seconds)?);
            target::expect_ok(&mut client, &["DEL", "target"])?;
        }
        target::expect_ok(&mut client, &["FLUSHALL"])?;
    }
    Ok(rows)
}

/// The tests with these names, or all.
fn chosen(names: &[String]) -> io::Result<Vec<(&'static str, Beside)>> {
    if names.is_empty() {
        return Ok(TESTS.to_vec());
    }
    let find = |name: &String| {
        let test = TESTS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).copied();
        test.ok_or_else(|| io::Error::other(format!("there is no test '{name}'")))
    };
    names.iter().map(find).collect()
}

/// Fills one collection of each type, and as many keys if they are wanted.
fn fill(client: &mut Client, members: usize, with_keys: bool) -> io::Result<()> {
    target::expect_ok(client, &["FLUSHALL"])?;
    target::expect_ok(client, &["SET", "light", "value"])?;
    target::expect_ok(client, &["SETBIT", "bits", &(members * 400).to_string(), "1"])?;
    let numbers: Vec<usize> = (0..members).map(|at| at * 7919 % members).collect();
    for batch in numbers.chunks(BATCH) {
        let mut add = |words: &[&str], each: &dyn Fn(usize) -> Vec<String>| {
            let mut command: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            command.extend(batch.iter().flat_map(|&number| each(number)));
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            target::expect_ok(client, &words)
        };
        add(&["RPUSH", "list"], &|number| vec![number.to_string()])?;
        add(&["SADD", "set"], &|number| vec![format!("m{number}")])?;
        add(&["SADD", "other"], &|number| vec![format!("m{}", number + members / 2)])?;
        add(&["HSET", "hash"], &|number| vec![format!("f{number}"), format!("v{number}")])?;
        add(&["ZADD", "zset"], &|number| vec![number.to_string(), format!("m{number}")])?;
        add(&["ZADD", "zother"], &|number| vec![number.to_string(), format!("m{}", number + members / 2)])?;
        add(&["GEOADD", "geo"], &|number| {
            vec![format!("0.{number}"), format!("{}", number % 80), format!("m{number}")]
        })?;
        if with_keys {
            add(&["MSET"], &|number| vec![format!("key:{number}"), "x".to_owned()])?;
        }
        let commands: Vec<Vec<&[u8]>> =
            batch.iter().map(|_| vec![&b"XADD"[..], b"stream", b"*", b"field", b"value"]).collect();
        client.pipeline(&commands).map_err(io::Error::other)?;
    }
    Ok(())
}

/// One test on one server.
fn measure(peer: &Peer, name: &str, beside: Beside, seconds: u64) -> io::Result<Row> {
    let connect = || Connection::open(&peer.address);
    let mut asking = (0..ASKING).map(|_| connect()).collect::<io::Result<Vec<_>>>()?;
    let (stop, heavy) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut delays = Histogram::<u64>::new_with_bounds(1, MOST_NS, 3).expect("the bounds are fixed");
    let is_going_on = || !stop.load(Ordering::Relaxed);
    let repeat = |mut busy: Connection, commands: &[&str]| -> io::Result<()> {
        while is_going_on() {
            commands.iter().try_for_each(|command| busy.ask(command))?;
            heavy.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let busy = match beside {
            Beside::Spinning(threads) => {
                (0..threads).for_each(|_| drop(scope.spawn(|| while is_going_on() {})));
                None
            }
            Beside::Commands(commands) => {
                let connection = connect()?;
                Some(scope.spawn(move || repeat(connection, commands)))
            }
        };
        let asked = ask(&mut asking, seconds, &mut delays);
        stop.store(true, Ordering::Relaxed);
        busy.map_or(Ok(()), |busy| busy.join().expect("it returns its errors")).and(asked)
    })?;
    let milliseconds = |nanoseconds: u64| nanoseconds as f64 / 1e6;
    Ok(Row {
        test: name.to_owned(),
        peer: peer.name.clone(),
        heavy: heavy.into_inner(),
        light: delays.len(),
        p50_ms: milliseconds(delays.value_at_quantile(0.5)),
        p999_ms: milliseconds(delays.value_at_quantile(0.999)),
        most_ms: milliseconds(delays.max()),
    })
}

/// Sends light commands on one connection after the other, for so long.
#[expect(clippy::disallowed_methods, reason = "a load generator waits")]
fn ask(asking: &mut [Connection], seconds: u64, delays: &mut Histogram<u64>) -> io::Result<()> {
    let end = clock::now_ns() + seconds * 1_000_000_000;
    while clock::now_ns() < end {
        for connection in &mut *asking {
            let asked = clock::now_ns();
            connection.ask("GET light")?;
            delays.saturating_record(clock::now_ns() - asked);
            std::thread::sleep(std::time::Duration::from_nanos(PAUSE_NS));
        }
    }
    Ok(())
}

/// A connection with one request in flight, whose replies are only counted.
struct Connection {
    stream: TcpStream,
    replies: ReplyCounter,
    buffer: Vec<u8>,
}

impl Connection {
    fn open(address: &Address) -> io::Result<Self> {
        let Address::Tcp(address) = address else { return Err(io::Error::other("only TCP is measured")) };
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, replies: ReplyCounter::default(), buffer: vec![0; 256 * 1024] })
    }

    /// Sends a command and waits for its whole reply.
    fn ask(&mut self, command: &str) -> io::Result<()> {
        let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        let mut bytes = Vec::new();
        resp::write_command(&mut bytes, &words);
        self.stream.write_all(&bytes)?;
        loop {
            let count = self.stream.read(&mut self.buffer)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let replies = self.replies.count(&self.buffer[..count]);
            let replies = replies.map_err(|broken| io::Error::other(broken.to_string()))?;
            if let Some(error) = self.replies.take_errors().first {
                return Err(io::Error::other(format!("{command}: {error}")));
            }
            if replies > 0 {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_chosen_by_name() {
        assert_eq!(chosen(&[]).expect("all").len(), TESTS.len());
        let some = chosen(&["DEL".to_owned(), "sort".to_owned()]).expect("known");
        assert_eq!(some.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["del", "sort"]);
        assert!(chosen(&["nothing".to_owned()]).is_err());
    }
}
