//! Starts that cannot be: each ends at once with one line that names the place, the reason and, where there is one, a
//! remedy. It stands on standard error, or, once the log is open on standard output, there.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the server complains of when it is started with these arguments in `folder`.
fn complaint(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_rustypotato-server"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("the server can be started");
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    let (log, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let complaints: Vec<&str> =
        errors.lines().chain(log.lines().filter(|line| line.contains(" # "))).collect();
    let [complaint] = complaints[..] else { panic!("{arguments:?}: {complaints:?}") };
    complaint.to_owned()
}

/// Starts the server with these arguments; its complaint holds all `parts`.
#[track_caller]
fn check(folder: &Path, arguments: &[&str], parts: &[&str]) {
    let complaint = complaint(folder, arguments);
    for part in parts {
        assert!(complaint.contains(part), "{arguments:?}: no {part:?} in {complaint}");
    }
}

#[test]
fn a_configuration_that_cannot_be_used_is_told_with_file_and_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let files: &[(&str, &[u8], &[&str])] = &[
        (
            "value",
            b"appendonly no\nmaxmemory lots\n",
            &["'value', line 2", "maxmemory lots", "such as `100mb`"],
        ),
        ("name", b"\n\nnonsense 1\n", &["'name', line 3", "nonsense 1", "docs/configuration.md"]),
        ("quote", b"requirepass \"secret", &["'quote', line 1", "Unbalanced quotes", "close the quote"]),
        ("loop", b"include loop\n", &["loop", "line 1", "includes itself"]),
        ("gone", b"include nowhere\n", &["'gone', line 1", "nowhere", "No such file"]),
        ("bytes", b"\xff\xfe\x00\x01\"\n", &["'bytes', line 1"]),
        ("overflow", b"maxmemory 999999999999gb\n", &["'overflow', line 1", "memory value"]),
    ];
    for (name, content, parts) in files {
        fs::write(folder.join(name), content).expect("the folder can be written");
        check(folder, &[name], parts);
    }
    let quote = complaint(folder, &["quote"]);
    assert!(!quote.contains("secret"), "a complaint shows a password: {quote}");
}

#[test]
fn a_place_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    fs::write(folder.join("file"), "").expect("the folder can be written");
    check(folder, &["nowhere.conf"], &["nowhere.conf", "No such file", "check the path"]);
    check(folder, &["."], &["'.'", "Is a directory"]);
    check(folder, &["--dir", "nowhere"], &["nowhere", "No such file", "; name a folder"]);
    check(folder, &["--dir", "file"], &["file", "Not a directory", "; name a folder"]);
    check(folder, &["--logfile", "nowhere/log"], &["nowhere/log", "No such file", "; correct `logfile`"]);
    let socket = ["--port", "0", "--unixsocket"];
    let too_long = "x".repeat(200);
    check(
        folder,
        &[&socket[..], &["nowhere/s"]].concat(),
        &["nowhere/s", "No such file", "; correct `unixsocket`"],
    );
    check(folder, &[&socket[..], &[&too_long]].concat(), &["xxx", "; correct `unixsocket`: a short path"]);
    check(folder, &["--port", "0"], &["nothing to listen on: set port, bind or unixsocket"]);
    check(folder, &["--maxmemory", "lots"], &["command line", "maxmemory", "100mb"]);
    check(folder, &["--appenddirname", "file"], &["file", "a folder of this name that the server may write"]);
    check(folder, &["--test-memory", "1"], &["--test-memory", "; use memtester"]);
}

#[test]
fn an_address_that_cannot_be_listened_on_is_told_with_what_to_do_about_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("some port is free");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let at = |host: &'static str| ["--port", port.as_str(), "--bind", host];
    check(
        folder,
        &at("127.0.0.1"),
        &[&port, "127.0.0.1", "in use", "another server", "choose another `port`"],
    );
    // 203.0.113.0 is for documentation, and no machine has it.
    check(folder, &at("203.0.113.1"), &["203.0.113.1", "correct `bind`, or write -203.0.113.1"]);
    check(folder, &at("999.1.1.1"), &["999.1.1.1", "correct `bind`"]);
    check(folder, &["--tls-port", "6380"], &["command line", "tls-port 6380", "does not speak TLS", "proxy"]);
    fs::write(folder.join("replica"), "port 0\nreplicaof 10.0.0.1 6379\n")
        .expect("the folder can be written");
    check(folder, &["replica"], &["'replica', line 2", "cannot follow a primary", "remove the line"]);
    fs::write(folder.join("renamed"), "rename-command KEYES \"\"\n").expect("the folder can be written");
    check(folder, &["renamed"], &["'renamed', line 1", "No such command in rename-command", "COMMAND LIST"]);
    fs::write(folder.join("taken"), "rename-command KEYS get\n").expect("the folder can be written");
    check(folder, &["taken"], &["'taken', line 1", "Target command name already exists", "another name"]);
}

#[test]
fn a_damaged_file_is_told_once_with_place_and_remedy() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    fs::write(folder.join("dump.rdb"), b"REDIS0011\xfe\x00nonsense").expect("the folder can be written");
    let arguments = ["--port", "0", "--unixsocket", "socket"];
    check(folder, &arguments, &["dump.rdb", "at byte", "Nothing has been changed", "backup"]);
    check(folder, &[&arguments[..], &["--loglevel", "nothing"]].concat(), &["dump.rdb", "at byte"]);
    // A log that nobody watches does not replace the line on standard error.
    check(
        folder,
        &[&arguments[..], &["--logfile", "log"]].concat(),
        &["rustypotato-server: ", "dump.rdb", "at byte"],
    );
    let log = fs::read_to_string(folder.join("log")).expect("there is a log");
    assert_eq!(
        log.lines().filter(|line| line.contains("dump.rdb") && line.contains(" # ")).count(),
        1,
        "{log}"
    );
}

#[test]
fn times_in_the_log_are_those_of_the_local_zone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(env!("CARGO_BIN_EXE_rustypotato-server"))
        .args(["--log-timestamp-format", "iso8601", "--unixsocket", "nowhere/socket", "--port", "0"])
        .env("TZ", "XYZ-5:45")
        .current_dir(folder.path())
        .output()
        .expect("the server can be started");
    let log = String::from_utf8_lossy(&output.stdout);
    assert!(log.contains("+05:45 # "), "{log}");
}

#[test]
fn users_that_cannot_be_are_told_with_their_place_and_without_their_passwords() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let files = [
        ("unknown", "port 0\nuser alice on +nosuch\n", "user 'alice': Error in user declaration '+nosuch'"),
        (
            "hash",
            "port 0\nuser alice #secret\n",
            "user 'alice': Error in user declaration '..': The password hash",
        ),
        ("twice", "user alice on\nuser alice off\n", "user 'alice': Duplicate user found"),
        ("open", "port 0\nuser alice (~x\n", "user 'alice': Unmatched parenthesis"),
        ("both", "aclfile users.acl\nuser alice on\n", "at the same time"),
    ];
    for (name, content, part) in files {
        fs::write(folder.join(name), content).expect("the folder can be written");
        check(folder, &[name], &[&format!("'{name}', line 2"), part, "; "]);
    }
    assert!(!complaint(folder, &["hash"]).contains("secret"));
    check(folder, &["--user", "alice", "--user", "alice", "on"], &["command line", "Duplicate user"]);
    check(
        folder,
        &["--aclfile", "nowhere.acl"],
        &["opening file 'nowhere.acl': No such file", "; correct `aclfile`"],
    );
    fs::write(folder.join("users.acl"), "user alice on\n\nuser bob nonsense")
        .expect("the folder can be written");
    check(folder, &["--aclfile", "users.acl"], &["users.acl:3: Syntax error. WARNING: ACL errors detected"]);
}
