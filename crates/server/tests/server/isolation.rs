//! Transactions are isolated from each other, whichever workers their clients are served by: what eight clients of four
//! workers did and saw could have happened one transaction at a time, in an order that agrees with time.
//!
//! Lists are appended to and read, with MULTI and EXEC, behind WATCH, and in scripts with declared keys and without; a
//! checker looks for what could not be so (`checker`). That it finds what it looks for is shown by transactions that are
//! torn into single commands (here), and by histories that are wrong (`faults`).

mod checker;
mod faults;
mod history;
mod order;
mod workload;

use checker::{Anomaly, check, explain};
use history::Transaction;
use order::Why;

use crate::support::Server;

const CLIENTS: usize = 8;
const TRANSACTIONS: usize = 250;

fn server(options: &[&str]) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), options);
    (folder, server)
}

fn assert_in_order(history: &[Transaction], seed: u64) {
    let (happened, given_up) = (history.iter()).partition::<Vec<_>, _>(|transaction| transaction.happened);
    assert!(happened.len() > given_up.len() && !given_up.is_empty(), "most transactions happen");
    if let Err(anomaly) = check(history) {
        panic!("seed {seed}: {}", explain(history, &anomaly));
    }
}

#[test]
fn transactions_of_all_workers_are_strictly_serializable() {
    for seed in 1..=4 {
        let (_folder, server) = server(&["--appendonly", "no", "--threads", "4"]);
        let history = workload::concurrent(&server, CLIENTS, TRANSACTIONS, seed);
        assert_in_order(&history, seed);
    }
}

#[test]
fn they_are_with_the_log_and_snapshots_as_well() {
    let (_folder, server) = server(&["--appendonly", "yes", "--appendfsync", "no", "--threads", "4"]);
    crate::support::must(&mut server.connect(), "BGREWRITEAOF");
    let history = workload::concurrent(&server, CLIENTS, TRANSACTIONS, 5);
    assert_in_order(&history, 5);
}

#[test]
fn those_of_redis_server_are() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::oracle(folder.path(), &["--appendonly", "no"]);
    assert_in_order(&workload::concurrent(&server, CLIENTS, TRANSACTIONS, 6), 6);
}

#[test]
fn transactions_that_are_torn_into_commands_are_found_out() {
    for seed in 1..=5 {
        let (_folder, server) = server(&["--appendonly", "no"]);
        let history = workload::torn(&server, CLIENTS, 200, seed, false);
        assert!(check(&history).is_err(), "seed {seed}: nothing is wrong");
    }
}

#[test]
fn a_watch_that_does_nothing_is_found_out() {
    for seed in 1..=5 {
        let (_folder, server) = server(&["--appendonly", "no"]);
        let history = workload::torn(&server, CLIENTS, 200, seed, true);
        let Err(Anomaly::Circle(circle)) = check(&history) else { panic!("seed {seed}: nothing is wrong") };
        assert!(
            circle.iter().any(|(_, why)| matches!(why, Why::NotSeen(_))),
            "an update is lost: {circle:?}"
        );
    }
}
