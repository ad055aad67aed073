//! Turns of a worker without sockets: nodes, connections, requests and the clock, for the examples that measure them.

use std::ops::Range;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use acl::Users;
use config::Config;
use engine::accounts::setting;
use engine::table::Names;
use node::{Identity, Input, Node, Now, Settings, Worker};
use stdx::time::UnixMs;

#[allow(dead_code, reason = "tests ask what it was told")]
#[path = "../../tests/node/machine.rs"]
mod machine;

/// Connections of a worker.
pub(crate) const CONNECTIONS: usize = 16;
/// Requests of each connection in a turn.
pub(crate) const PIPELINE: usize = 16;
/// Requests of a turn.
#[allow(dead_code, reason = "not all of them divide by it")]
pub(crate) const REQUESTS: usize = CONNECTIONS * PIPELINE;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// What can be measured. `#` stands for a number of twelve digits, `_` for a value.
pub(crate) const COMMANDS: &[(&str, &str)] = &[
    ("set", "SET key:# _"),
    ("get", "GET key:#"),
    ("incr", "INCR counter:#"),
    ("lpush", "LPUSH mylist _"),
    ("rpop", "RPOP mylist"),
    ("sadd", "SADD myset element:#"),
    ("hset", "HSET myhash element:# _"),
    ("hget", "HGET myhash element:#"),
    ("zadd", "ZADD myzset 0 element:#"),
    ("zadd_random", "ZADD myranking # element:#"),
    ("eval", "EVAL redis.call('GET',KEYS[1]);return(redis.call('SET',KEYS[1],ARGV[1])) 1 key:# _"),
    ("xadd", "XADD mystream * myfield _"),
    ("mset", "MSET key:# _ key:# _ key:# _ key:# _ key:# _ key:# _ key:# _ key:# _ key:# _ key:# _"),
];

/// A node without persistence.
#[allow(dead_code, reason = "not all of them are content with the defaults")]
pub(crate) fn node(workers: usize) -> Node {
    node_with(workers, &[])
}

/// The same with some parameters.
pub(crate) fn node_with(workers: usize, parameters: &[(&str, &str)]) -> Node {
    let mut config = Config::default();
    for (name, value) in [("appendonly", "no")].iter().chain(parameters) {
        config.set(name, value.as_bytes()).expect("it is a legal value");
    }
    let identity = Identity { process_id: 1, threads: workers, ..Identity::default() };
    let clock = || START.elapsed().as_nanos() as u64;
    let users = Users::new(setting(false));
    let settings =
        Settings { config, names: Names::default(), users, identity, loaders: workers, seed: 7, clock };
    Node::new(settings, Arc::new(machine::FakeMachine::default()))
}

/// A worker of a node, with its connections.
pub(crate) fn worker(node: &Node, index: usize) -> Worker<'_> {
    let mut worker = Worker::new(node, index, index as u64 + 1);
    for _ in 0..CONNECTIONS {
        worker.open(now(), "127.0.0.1:1000", "127.0.0.1:6379", false);
    }
    worker
}

/// The text of a command that is known.
pub(crate) fn text(name: &str) -> &'static str {
    COMMANDS.iter().find(|(known, _)| *known == name).expect("the command is known").1
}

/// What all connections send in a turn.
pub(crate) fn requests(mut request: impl FnMut(&mut Vec<u8>)) -> (Vec<u8>, Vec<Input>) {
    let mut arena = Vec::with_capacity(CONNECTIONS * PIPELINE * 128);
    let inputs = (0..CONNECTIONS)
        .map(|connection| {
            let begin = arena.len();
            (0..PIPELINE).for_each(|_| request(&mut arena));
            Input { connection, range: Range { start: begin, end: arena.len() } }
        })
        .collect();
    (arena, inputs)
}

/// One turn, whose replies are thrown away.
pub(crate) fn turn(worker: &mut Worker<'_>, arena: &[u8], inputs: &[Input]) {
    worker.execute(now(), arena, inputs, &mut |_| now());
    let mut writable = worker.take_writable();
    for number in writable.drain(..) {
        let output = worker.output(number);
        assert!(output.bytes()[0] != b'-', "no request fails");
        output.consume(output.len());
        worker.written(number);
    }
    worker.return_writable(writable);
}

/// Sets all keys with numbers below `keys`.
#[allow(dead_code, reason = "one of them has keys of every type")]
pub(crate) fn fill(worker: &mut Worker<'_>, keys: u64) {
    let mut number = 0;
    while number < keys {
        let (arena, inputs) = requests(|out| {
            request(out, text("set"), &mut || number.min(keys - 1));
            number += 1;
        });
        turn(worker, &arena, &inputs);
    }
}

/// Appends a request; see [`COMMANDS`].
pub(crate) fn request(out: &mut Vec<u8>, text: &str, draw: &mut impl FnMut() -> u64) {
    out.extend_from_slice(format!("*{}\r\n", text.split(' ').count()).as_bytes());
    for word in text.split(' ') {
        let word = match (word, word.split_once('#')) {
            ("_", _) => "v".repeat(64),
            (_, Some((before, after))) => format!("{before}{:012}{after}", draw()),
            _ => word.to_owned(),
        };
        out.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
}

pub(crate) fn now() -> Now {
    let elapsed = START.elapsed();
    Now {
        unix: UnixMs(1_700_000_000_000 + elapsed.as_millis() as i64),
        monotonic_ns: elapsed.as_nanos() as u64,
    }
}
