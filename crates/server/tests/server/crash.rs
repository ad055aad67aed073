//! Crashes: a server is killed under load again and again, and what it had acknowledged must be there afterwards.
//!
//! Each writer has keys of its own and numbers its requests. Requests of one connection run in order, so after a crash
//! the writer's keys must show exactly the state after some request `p`: none that was acknowledged is missing
//! (`acked <= p`), none is invented (`p <= sent`), and none is applied without those before it. A transaction shows
//! whole or not at all. When the process is killed depends on the number of acknowledged requests, never on time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use client::{Client, Error};
use stdx::rng::Rng;

use crate::support::{Server, run, text};

/// Connections that write at the same time.
const WRITERS: usize = 4;
/// Requests in one pipeline at most.
const MAX_DEPTH: u64 = 8;
/// A round is over after so many acknowledged requests at most.
const MAX_ROUND: u64 = 1500;
/// Kinds of requests; request `n` is of kind `n % KINDS`.
const KINDS: u64 = 5;
/// An expiry that no test lives to see, in milliseconds.
const FAR: &str = "99999999999999";

/// One writer's view of what it has done.
#[derive(Clone, Copy, Default)]
struct Progress {
    acked: u64,
    sent: u64,
}

/// Says when enough has been acknowledged.
struct Target {
    left: AtomicU64,
    reached: mpsc::Sender<()>,
}

impl Target {
    fn acknowledged(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            // The round may be over already for another reason.
            let _ = self.reached.send(());
        }
    }
}

/// How a round ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Kill,
    Terminate,
}

/// How many crashes a test is worth; more can be asked for.
fn rounds() -> u64 {
    let wanted = std::env::var("RUSTYPOTATO_CRASH_ROUNDS").ok();
    wanted.map_or(200, |rounds| rounds.parse().expect("RUSTYPOTATO_CRASH_ROUNDS is a number"))
}

/// Queues request `step` of a writer and says how many replies it gets.
fn send_step(client: &mut Client, name: usize, step: u64) -> usize {
    let number = step.to_string();
    let key = |prefix: &str| format!("{prefix}:{name}");
    match step % KINDS {
        0 => client.send(&["SET", &key("plain"), &number]),
        1 => client.send(&["SET", &key("expiring"), &number, "PXAT", FAR]),
        2 => client.send(&["INCR", &key("count")]),
        3 => client.send(&["HSET", &key("hash"), "number", &number]),
        _ => {
            client.send(&["MULTI"]);
            client.send(&["SET", &key("left"), &number]);
            client.send(&["SET", &key("right"), &number]);
            client.send(&["EXEC"]);
            return 4;
        }
    }
    1
}

/// Sends pipelines of random depth until the connection ends.
fn write_until_closed(
    mut client: Client,
    name: usize,
    mut progress: Progress,
    seed: u64,
    target: &Target,
) -> Progress {
    let mut rng = Rng::from_seed(seed);
    loop {
        let steps = progress.sent + 1..=progress.sent + 1 + rng.below(MAX_DEPTH);
        let replies: Vec<usize> = steps.clone().map(|step| send_step(&mut client, name, step)).collect();
        progress.sent = *steps.end();
        if client.flush().is_err() {
            return progress;
        }
        for (step, replies) in steps.zip(replies) {
            for _ in 0..replies {
                match client.receive() {
                    Ok(reply) => assert!(!reply.is_error(), "request {step} of {name}: {reply:?}"),
                    Err(Error::Timeout) => panic!("request {step} of {name} is not answered"),
                    Err(_) => return progress,
                }
            }
            progress.acked = step;
            target.acknowledged();
        }
    }
}

/// The last request of a kind among the first `count`; 0 if there is none.
fn last_of_kind(kind: u64, count: u64) -> u64 {
    count.saturating_sub((count + KINDS - kind) % KINDS)
}

/// The number of requests whose effect is there, which must be those of a prefix.
fn recovered(client: &mut Client, name: usize) -> u64 {
    let mut number = |command: String| -> u64 {
        let reply = run(client, &command);
        if reply.is_null() { 0 } else { text(&reply).parse().expect("the keys hold numbers") }
    };
    let mut value = |key: &str| number(format!("GET {key}:{name}"));
    let seen = [
        (0, "plain", value("plain")),
        (1, "expiring", value("expiring")),
        (2, "count", (value("count") * KINDS).saturating_sub(KINDS - 2)),
        (4, "left", value("left")),
        (4, "right", value("right")),
        (3, "hash", number(format!("HGET hash:{name} number"))),
    ];
    let count = seen.iter().map(|(_, _, step)| *step).max().unwrap_or(0);
    for (kind, key, step) in seen {
        assert_eq!(step, last_of_kind(kind, count), "{key}:{name} when {count} requests are there: {seen:?}");
    }
    count
}

/// Loads a server until the target is reached, ends it and gives what the writers know.
fn round(server: Server, end: End, progress: [Progress; WRITERS], rng: &mut Rng) -> [Progress; WRITERS] {
    let (reached, wait) = mpsc::channel();
    let target = &Target { left: AtomicU64::new(1 + rng.below(MAX_ROUND)), reached };
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|name| {
                let (client, seed) = (server.connect(), rng.next_u64());
                scope.spawn(move || write_until_closed(client, name, progress[name], seed, target))
            })
            .collect();
        if rng.below(4) == 0 {
            // It is refused while the one goes on that the last end has interrupted.
            let _ = run(&mut server.connect(), "BGREWRITEAOF");
        }
        wait.recv().expect("the target outlives the wait");
        if end == End::Kill {
            server.kill();
        } else {
            let (status, log) = server.stop();
            assert!(status.success(), "{status} after SIGTERM:\n{log}");
        }
        let mut writers = writers.into_iter().map(|writer| writer.join().expect("a writer does not fail"));
        std::array::from_fn(|_| writers.next().expect("one result a writer"))
    })
}

/// Crashes a server `rounds` times and checks after each start that nothing acknowledged is missing.
fn check(policy: &str, end: End, rounds: u64, seed: u64) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = ["--appendonly", "yes", "--appendfsync", policy, "--threads", "2"];
    let mut rng = Rng::from_seed(seed);
    let mut progress = [Progress::default(); WRITERS];
    for number in 0..=rounds {
        let server = Server::start(folder.path(), &options);
        let mut client = server.connect();
        for (name, progress) in progress.iter_mut().enumerate() {
            let count = recovered(&mut client, name);
            assert!(
                (progress.acked..=progress.sent).contains(&count),
                "round {number}, writer {name}: {count} requests are there, {} were acknowledged, {} sent",
                progress.acked,
                progress.sent
            );
            *progress = Progress { acked: count, sent: count };
        }
        if number < rounds {
            progress = round(server, end, progress, &mut rng);
        }
    }
}

#[test]
fn nothing_acknowledged_is_missing_after_a_kill_when_every_write_is_synced() {
    check("always", End::Kill, rounds(), 1);
}

#[test]
fn nothing_acknowledged_is_missing_after_a_kill_when_syncs_are_a_second_apart() {
    check("everysec", End::Kill, rounds(), 2);
}

#[test]
fn a_server_that_is_asked_to_end_under_load_keeps_everything_and_says_success() {
    check("everysec", End::Terminate, rounds().div_ceil(4), 3);
    check("no", End::Terminate, rounds().div_ceil(4), 4);
}
