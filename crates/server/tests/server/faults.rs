//! System calls of the real program fail, and small disks get full.
//!
//! What the machine does not allow (strace, mounting) is passed over, and a line says so.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use client::Client;
use rustix::process::{Pid, Signal, kill_process};

use crate::disk::{APPENDING, figure, wait_for};
use crate::support::{Server, must, run, text};

/// Transactions in a run.
const TRANSACTIONS: u64 = 12;

/// Runs a program for what it does; false if it cannot.
fn does(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Says that something is passed over.
#[allow(clippy::print_stderr, reason = "whoever runs the tests has to know")]
fn pass_over(what: &str) {
    eprintln!("passed over, since {what}");
}

/// Ends the server below strace, which ends with it; gives its log.
fn kill_traced(server: Server, client: &mut Client) -> String {
    let info = text(&must(client, "INFO server"));
    let id = info.lines().find_map(|line| line.strip_prefix("process_id:")).expect("INFO tells it");
    let process = Pid::from_raw(id.parse().expect("a number")).expect("a process has a number above 0");
    kill_process(process, Signal::KILL).expect("the server still runs");
    server.wait().1
}

/// Transactions count two keys up, and rewrites begin in between; gives the last number that was acknowledged, and the last one
/// that may be there. What is refused has not been done.
fn count(client: &mut Client, from: u64) -> (u64, u64) {
    let (mut acknowledged, mut sent) = (from, from);
    for number in 0..TRANSACTIONS {
        if number % 5 == 4 {
            // It may be refused while there is no room.
            run(client, "BGREWRITEAOF");
        }
        for request in ["MULTI", "INCR left", "INCR right"] {
            run(client, request);
        }
        let reply = run(client, "EXEC");
        if !reply.is_error() {
            sent += 1;
            acknowledged = sent;
        }
    }
    (acknowledged, sent)
}

/// What a start finds must be what was acknowledged.
fn check(folder: &Path, policy: &str, (acknowledged, sent): (u64, u64), place: &str) -> u64 {
    let server = Server::start(folder, &["--appendonly", "yes", "--appendfsync", policy]);
    let mut client = server.connect();
    let mut value = |key: &str| {
        let reply = run(&mut client, &format!("GET {key}"));
        if reply.is_null() { 0 } else { text(&reply).parse().expect("a number") }
    };
    let (left, right): (u64, u64) = (value("left"), value("right"));
    assert_eq!(left, right, "{place}: a transaction is whole");
    assert!((acknowledged..=sent).contains(&left), "{place}: {left}, but {acknowledged} were acknowledged");
    server.kill();
    left
}

/// Whether there is an strace that may trace; else that is said.
fn may_trace() -> bool {
    let may = does("strace", &["-f", "-qq", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO", "true"]);
    if !may {
        pass_over("there is no strace that may trace");
    }
    may
}

/// Fails a system call with an error: each of the first `times` of a thread, one in each run.
fn inject(call: &str, error: &str, policy: &str, times: usize) {
    let said = match error {
        "EIO" => "Input/output error",
        "ENOSPC" => "No space left on device",
        _ => "Interrupted system call",
    };
    if !may_trace() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    Server::start(folder.path(), &["--appendonly", "yes"]).kill();
    let files = folder.path().join("appendonlydir");
    let (mut number, mut hits) = (0, 0);
    for time in 1..=times {
        let place = format!("{call} fails with {error} for the {time}th time, {policy}");
        let injection = format!("inject={call}:error={error}:when={time}");
        let mut tracing = vec!["-e", &injection];
        let log = files.join("appendonly.aof.1.incr.aof");
        if call == "write" {
            // Others write, too: only the first increment counts.
            tracing.extend(["-P", log.to_str().expect("the path is text")]);
        }
        let options = ["--appendonly", "yes", "--appendfsync", policy, "--threads", "1"];
        match Server::traced(folder.path(), &options, &tracing) {
            Ok(server) => {
                let mut client = server.connect();
                let counted = count(&mut client, number);
                // It helps itself, and takes writes again.
                wait_for(&mut client, "aof_last_write_status", "ok");
                while run(&mut client, "SET again 1").is_error() {}
                let log = kill_traced(server, &mut client);
                hits += usize::from(log.contains(said));
                number = check(folder.path(), policy, counted, &place);
            }
            Err(log) => {
                assert!(log.contains("appendonlydir") && log.contains(said), "{place}: it says why:\n{log}");
                hits += 1;
                number = check(folder.path(), policy, (number, number), &place);
            }
        }
    }
    // An interruption is nothing to tell.
    assert_eq!(hits > 0, error != "EINTR", "{call} fails with {error} {hits} times, {policy}");
}

#[test]
fn syncs_that_fail_cost_nothing_acknowledged() {
    inject("fdatasync", "EIO", "always", 8);
    inject("fdatasync", "EIO", "everysec", 2);
    inject("fsync", "EIO", "always", 4);
}

#[test]
fn a_start_is_refused_when_nobody_knows_whether_the_files_are_locked() {
    if !may_trace() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let first = Server::start(folder.path(), APPENDING);
    let second = |error: &str, options: &[&str]| {
        let injection = format!("inject=flock:error={error}");
        let started = Server::traced(folder.path(), options, &["-e", &injection]);
        started.map(|server| {
            let mut client = server.connect();
            kill_traced(server, &mut client)
        })
    };
    for (error, said) in [("EIO", "Input/output error"), ("EACCES", "Permission denied")] {
        let log = second(error, APPENDING).expect_err("another server has them");
        let told = format!("appendonlydir: the lock that keeps other servers off cannot be taken: {said}");
        assert!(log.contains(&told), "{log}");
    }
    // Where there are no locks nobody could have one.
    first.kill();
    second("ENOLCK", APPENDING).expect("it serves");
}

#[test]
fn a_disk_that_takes_long_to_sync_is_counted_and_told() {
    if !may_trace() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let slow = ["-e", "inject=fdatasync:delay_enter=1500000"];
    let server = Server::traced(folder.path(), APPENDING, &slow).expect("the server serves");
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    while figure(&mut client, "aof_delayed_fsync") == "0" {}
    must(&mut client, "CONFIG RESETSTAT");
    let log = kill_traced(server, &mut client);
    assert!(log.contains("the AOF fsync") && log.contains("is the disk busy?"), "{log}");
}

#[test]
fn calls_that_are_interrupted_are_done_again() {
    inject("fdatasync", "EINTR", "always", 3);
    inject("write", "EINTR", "everysec", 3);
}

#[test]
fn writes_and_names_that_fail_cost_nothing_acknowledged() {
    inject("write", "ENOSPC", "always", 3);
    inject("write", "EIO", "everysec", 3);
    inject("rename", "ENOSPC", "always", 4);
}

/// A small file system in a file, and what is mounted; none where the machine does not allow it.
struct SmallDisk {
    _folder: tempfile::TempDir,
    place: PathBuf,
}

impl SmallDisk {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (image, place) = (folder.path().join("image"), folder.path().join("disk"));
        std::fs::create_dir(&place).expect("the folder can be written");
        let file = std::fs::File::create(&image).expect("the folder can be written");
        file.set_len(4 << 20).expect("it takes no room yet");
        let (image, target) = (image.to_str().expect("text"), place.to_str().expect("text"));
        let is_mounted =
            does("mkfs.ext4", &["-q", "-F", image]) && does("mount", &["-o", "loop", image, target]);
        if !is_mounted {
            pass_over("no file system may be mounted");
        }
        is_mounted.then_some(Self { _folder: folder, place })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        does("umount", &["-l", self.place.to_str().expect("text")]);
    }
}

/// Fills the disk, one value after the other, until one of them is refused or nobody wants more; gives how many were taken. The one
/// for which there is no room is answered when there is some.
fn fill(mut client: Client, is_enough: &AtomicBool) -> u64 {
    let value = "x".repeat(50_000);
    let mut taken = 0;
    while !is_enough.load(Ordering::Relaxed) {
        let Ok(reply) = client.command(&["SET", &format!("key:{taken}"), &value]) else { break };
        if reply.is_error() {
            break;
        }
        taken += 1;
    }
    taken
}

#[test]
fn on_a_disk_that_gets_full_nothing_acknowledged_is_lost_and_writes_resume() {
    for policy in ["always", "everysec"] {
        let Some(disk) = SmallDisk::new() else { return };
        let ballast = disk.place.join("ballast");
        std::fs::write(&ballast, vec![0; 1 << 20]).expect("there is room");
        let server = Server::start(&disk.place, &["--appendonly", "yes", "--appendfsync", policy]);
        let (mut client, filling, is_enough) = (server.connect(), server.connect(), AtomicBool::new(false));
        must(&mut client, "SET first 1");
        let taken = std::thread::scope(|scope| {
            let filling = scope.spawn(|| fill(filling, &is_enough));
            wait_for(&mut client, "aof_last_write_status", "err");
            is_enough.store(true, Ordering::Relaxed);
            let refused = text(&run(&mut client, "SET second 1"));
            assert_eq!(
                refused, "MISCONF Errors writing to the AOF file: No space left on device",
                "{policy}"
            );
            assert_eq!(text(&must(&mut client, "GET first")), "1");
            std::fs::remove_file(&ballast).expect("it is there");
            filling.join().expect("whoever waits is answered")
        });
        while run(&mut client, "SET second 1").is_error() {}
        let keys = text(&must(&mut client, "DBSIZE"));
        assert_eq!(keys, (taken + 2).to_string(), "{policy}");
        server.kill();
        let (_server, mut client) = Server::start(&disk.place, &["--appendonly", "yes"]).connect_and_keep();
        assert_eq!(text(&must(&mut client, "DBSIZE")), keys, "{policy}");
    }
}

#[test]
fn while_the_disk_is_full_no_rewrite_begins_and_the_end_tells_what_is_lacking() {
    let Some(disk) = SmallDisk::new() else { return };
    let server = Server::start(&disk.place, APPENDING);
    let (mut client, filling, is_enough) = (server.connect(), server.connect(), AtomicBool::new(false));
    let (status, log) = std::thread::scope(|scope| {
        scope.spawn(|| fill(filling, &is_enough));
        wait_for(&mut client, "aof_last_write_status", "err");
        let rewrites = figure(&mut client, "aof_rewrites");
        must(&mut client, "CONFIG SET auto-aof-rewrite-percentage 1 auto-aof-rewrite-min-size 1");
        let refused = text(&run(&mut client, "BGREWRITEAOF"));
        assert!(refused.contains("no room"), "{refused}");
        // Two more attempts, a second apart.
        let failures =
            |client: &mut _| figure(client, "aof_write_failures").parse::<u64>().expect("a number");
        let before = failures(&mut client);
        while failures(&mut client) < before + 2 {}
        assert_eq!(figure(&mut client, "aof_rewrites"), rewrites);
        server.stop()
    });
    assert!(!status.success() && log.contains("for which there was no room"), "{log}");
    assert!(!log.contains("all data is written"), "{log}");
}
