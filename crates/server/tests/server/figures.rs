//! What a server tells of its commands and of those it ran: COMMAND, SLOWLOG, MONITOR, LATENCY and fields of INFO.

use std::io::{BufRead, BufReader, Write};

use client::Client;

use crate::support::{Server, must, text};

fn start() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let server = Server::start(folder.path(), &["--threads", "1", "--enable-debug-command", "yes"]);
    (folder, server)
}

/// The value of a field of INFO; nothing if there is no such field.
fn info(client: &mut Client, section: &str, field: &str) -> String {
    let all = text(&must(client, &format!("INFO {section}")));
    let prefix = format!("{field}:");
    all.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default().to_owned()
}

#[test]
fn the_slow_log_has_the_commands_of_a_transaction_but_not_its_exec() {
    let (_folder, server) = start();
    let mut client = server.connect();
    must(&mut client, "CONFIG SET slowlog-log-slower-than 0");
    must(&mut client, "SLOWLOG RESET");
    for command in ["MULTI", "SET k v", "EXEC", "CONFIG SET slowlog-log-slower-than -1"] {
        must(&mut client, command);
    }
    let log = must(&mut client, "SLOWLOG GET -1");
    let names: Vec<String> = log
        .elements()
        .expect("a list of entries")
        .iter()
        .map(|entry| {
            text(&entry.elements().expect("an entry is a list")[3].elements().expect("arguments")[0])
        })
        .collect();
    assert_eq!(names, ["SET", "MULTI", "SLOWLOG"], "newest first");
}

#[test]
fn monitor_shows_the_commands_of_a_transaction_before_its_exec() {
    let (_folder, server) = start();
    let mut socket = server.socket();
    socket.write_all(b"MONITOR\r\n").expect("the server reads");
    let mut lines = BufReader::new(socket).lines().map(|line| line.expect("the server writes"));
    assert_eq!(lines.next().as_deref(), Some("+OK"));
    let mut client = server.connect();
    for command in ["SELECT 5", "MULTI", "SET k v", "EXEC"] {
        must(&mut client, command);
    }
    let shown: Vec<String> = lines
        .by_ref()
        .filter(|line| !line.contains("HELLO") && !line.contains("CLIENT"))
        .take(4)
        .map(|line| {
            let (before, command) = line.split_once("] ").expect("a line of MONITOR");
            let database = before.split_once('[').and_then(|(_, rest)| rest.split(' ').next());
            format!("{} {command}", database.expect("the database stands first"))
        })
        .collect();
    assert_eq!(shown, [r#"5 "SELECT" "5""#, r#"5 "MULTI""#, r#"5 "SET" "k" "v""#, r#"5 "EXEC""#]);
}

#[test]
fn times_are_kept_while_latency_tracking_is_on_and_shown_at_the_configured_percentiles() {
    let (_folder, server) = start();
    let mut client = server.connect();
    must(&mut client, "CONFIG SET latency-tracking no");
    must(&mut client, "SET k v");
    assert_eq!(info(&mut client, "latencystats", "latency_percentiles_usec_set"), "");
    must(&mut client, "CONFIG SET latency-tracking yes");
    must(&mut client, "SET k v");
    let names = |shown: &str| {
        shown.split(',').map(|part| part.split('=').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let shown = info(&mut client, "latencystats", "latency_percentiles_usec_set");
    assert_eq!(names(&shown), ["p50", "p99", "p99.9"]);
    client
        .command(&["CONFIG", "SET", "latency-tracking-info-percentiles", "0.0 50.0 100.0"])
        .expect("percentiles can be set");
    let shown = info(&mut client, "latencystats", "latency_percentiles_usec_set");
    assert_eq!(names(&shown), ["p0", "p50", "p100"]);
}

#[test]
fn the_histogram_of_a_container_is_that_of_its_subcommands() {
    let (_folder, server) = start();
    let mut client = server.connect();
    must(&mut client, "CONFIG RESETSTAT");
    must(&mut client, "CLIENT ID");
    must(&mut client, "CLIENT LIST");
    must(&mut client, "GET k");
    let names = |reply: &resp::Frame| -> Vec<String> {
        reply.pairs().expect("a map").iter().map(|(name, _)| text(name)).collect()
    };
    assert_eq!(names(&must(&mut client, "LATENCY HISTOGRAM client")), ["client|id", "client|list"]);
    assert_eq!(names(&must(&mut client, "LATENCY HISTOGRAM client|id")), ["client|id"]);
}

#[test]
fn writes_that_change_nothing_are_not_counted_as_changes() {
    let (_folder, server) = start();
    let mut client = server.connect();
    for (command, changes) in [
        ("SETBIT a 0 0", "1"),
        ("BITFIELD b SET i5 0 0", "2"),
        ("SETBIT a 0 0", "2"),
        ("BITFIELD b SET i5 0 0", "2"),
        ("SETBIT a 0 1", "3"),
        ("BITFIELD b SET i5 0 1", "4"),
        ("BITFIELD c SET i5 0 1", "5"),
        ("BITFIELD c GET i5 0", "5"),
    ] {
        must(&mut client, command);
        assert_eq!(info(&mut client, "persistence", "rdb_changes_since_last_save"), changes, "{command}");
    }
}

#[test]
fn command_info_lists_subcommands_in_an_array() {
    let (_folder, server) = start();
    let mut client = server.connect_with(resp::Protocol::Resp3);
    let info = must(&mut client, "COMMAND INFO config get");
    let subcommands =
        |index: usize| &info.elements().expect("an array")[index].elements().expect("fields")[9];
    assert!(matches!(subcommands(0), resp::Frame::Array(_)), "{info:?}");
    assert!(matches!(subcommands(1), resp::Frame::Set(_)), "{info:?}");
}

#[test]
fn command_list_names_subcommands_too() {
    let (_folder, server) = start();
    let mut client = server.connect();
    let list = must(&mut client, "COMMAND LIST");
    let names: Vec<String> = list.elements().expect("a list of names").iter().map(text).collect();
    for name in ["get", "client", "client|list"] {
        assert!(names.iter().any(|other| other == name), "{name}");
    }
}

#[test]
fn the_allocator_reports_of_itself() {
    let (_folder, server) = start();
    let mut client = server.connect();
    let report = text(&must(&mut client, "MEMORY MALLOC-STATS"));
    assert!(report.starts_with("___ Begin jemalloc statistics ___\n"), "{report}");
    assert!(report.contains("\nAllocated: ") && report.contains("arenas[0]:"), "{report}");
    let mut number = |name: &str| -> i64 {
        let reply = client.command(&["DEBUG", "MALLCTL", name]).expect("the server answers");
        reply.integer().unwrap_or_else(|| panic!("{name}: {reply:?}"))
    };
    assert_eq!(number("background_thread"), 1);
    assert_eq!(number("arenas.page"), 4096);
    assert!(number("stats.allocated") > 100_000);
    assert!(number("opt.narenas") > 0);
    for name in ["arenas.create", "arena.0.extent_hooks", "tcache.create", "thread.tcache.flush", "epoch\0"] {
        let reply = client.command(&["DEBUG", "MALLCTL", name]).expect("the server answers");
        assert_eq!(text(&reply), "ERR No such file or directory", "{name}");
    }
    let version = client.command(&["DEBUG", "MALLCTL-STR", "version"]).expect("the server answers");
    assert!(text(&version).starts_with("5."), "{version:?}");
}
