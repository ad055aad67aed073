//! Runs the program against scripted servers: each expects certain bytes and answers with certain others.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;

/// A server for one connection that expects and answers as told, then closes.
struct Server {
    port: u16,
    script: JoinHandle<()>,
}

fn serve(script: Vec<(Vec<u8>, Vec<u8>)>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let script = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        for (expected, answer) in script {
            let mut request = vec![0; expected.len()];
            stream.read_exact(&mut request).expect("a request");
            assert_eq!(String::from_utf8_lossy(&request), String::from_utf8_lossy(&expected));
            // A client that has seen enough may close before it has read everything.
            if stream.write_all(&answer).is_err() {
                return;
            }
        }
    });
    Server { port, script }
}

/// A step of a script: a command and the answer to it.
fn step(command: &str, answer: impl Into<Vec<u8>>) -> (Vec<u8>, Vec<u8>) {
    let mut request = Vec::new();
    let words: Vec<&str> = command.split(' ').collect();
    resp::write_command(&mut request, &words);
    (request, answer.into())
}

/// Runs the program against a scripted server, which must have been asked exactly what the script says.
fn run(script: Vec<(Vec<u8>, Vec<u8>)>, flags: &[&str], input: &str) -> Output {
    let server = serve(script);
    let output = run_at(server.port, flags, input);
    server.script.join().expect("the script was followed");
    output
}

fn run_at(port: u16, flags: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rustypotato-cli"))
        .args(["-p", &port.to_string()])
        .args(flags)
        .env_remove("REDISCLI_AUTH")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // The program may end without reading its input, which is no fault.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    child.wait_with_output().expect("the program ends")
}

fn check(output: &Output, status: i32, stdout: &str, stderr: &str) {
    assert_eq!(String::from_utf8_lossy(&output.stdout), stdout);
    assert_eq!(String::from_utf8_lossy(&output.stderr), stderr);
    assert_eq!(output.status.code(), Some(status));
}

#[test]
fn one_command_is_sent_as_often_as_asked() {
    let twice = vec![step("incr n", ":1\r\n"), step("incr n", ":2\r\n")];
    let output = run(twice, &["-r", "2", "--no-raw", "incr", "n"], "");
    check(&output, 0, "(integer) 1\n(integer) 2\n", "");
}

#[test]
fn an_error_reply_is_a_failure_only_when_asked_for() {
    let script = || vec![step("foo", "-ERR unknown\r\n")];
    check(&run(script(), &["foo"], ""), 0, "ERR unknown\n\n", "");
    check(&run(script(), &["-e", "foo"], ""), 1, "", "ERR unknown\n");
}

#[test]
fn the_greeting_authenticates_selects_and_switches_and_goes_on_when_refused() {
    let script = vec![
        step("AUTH u p", "-WRONGPASS no\r\n"),
        step("SELECT 3", "+OK\r\n"),
        step("HELLO 3", "-NOPROTO no\r\n"),
        step("ping", "+PONG\r\n"),
    ];
    let output = run(script, &["--user", "u", "-a", "p", "--no-auth-warning", "-n", "3", "-3", "ping"], "");
    check(&output, 0, "PONG\n", "AUTH failed: WRONGPASS no\nHELLO 3 failed: NOPROTO no\n");
}

#[test]
fn a_password_is_read_from_standard_input_or_the_environment_without_a_warning() {
    let script = || vec![step("AUTH secret", "+OK\r\n"), step("ping", "+PONG\r\n")];
    check(&run(script(), &["--askpass", "ping"], "secret\n"), 0, "PONG\n", "");
    let server = serve(script());
    let output = Command::new(env!("CARGO_BIN_EXE_rustypotato-cli"))
        .args(["-p", &server.port.to_string(), "ping"])
        .env("REDISCLI_AUTH", "secret")
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    check(&output, 0, "PONG\n", "");
}

#[test]
fn standard_input_is_an_argument_with_x() {
    let output = run(vec![step("set k a\nb", "+OK\r\n")], &["-x", "set", "k"], "a\nb");
    check(&output, 0, "OK\n", "");
}

#[test]
fn a_batch_runs_every_line_until_quit() {
    let script = vec![
        step("set k v", "+OK\r\n"),
        step("foo", "-ERR unknown\r\n"),
        step("ping", "+PONG\r\n"),
        step("ping", "+PONG\r\n"),
    ];
    let output = run(script, &["--no-raw"], "set k 'v'\r\n\nfoo\nget \"x\n2 ping\nquit\nping\n");
    check(&output, 0, "OK\n(error) ERR unknown\nInvalid argument(s)\nPONG\nPONG\n", "");
}

#[test]
fn subscriptions_are_followed_until_the_server_goes_in_both_protocols() {
    for mark in ['*', '>'] {
        let answer = format!(
            "{mark}3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n{mark}3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n\
             {mark}3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n"
        );
        let output = run(vec![step("subscribe a b", answer)], &["--csv", "subscribe", "a", "b"], "");
        let shown = "\"subscribe\",\"a\",1\n\"subscribe\",\"b\",2\n\"message\",\"a\",\"x\"\n";
        check(&output, 1, shown, "Error: Server closed the connection\n");
    }
}

#[test]
fn monitor_is_followed_until_the_server_goes() {
    let output = run(vec![step("monitor", "+OK\r\n+1.5 [0 x] \"get\"\r\n")], &["monitor"], "");
    check(&output, 1, "OK\n1.5 [0 x] \"get\"\n", "Error: Server closed the connection\n");
}

#[test]
fn pushes_are_shown_only_when_asked_for() {
    let script = || vec![step("get k", ">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n$1\r\nv\r\n")];
    check(&run(script(), &["get", "k"], ""), 0, "v\n", "");
    let output = run(script(), &["--show-pushes", "yes", "--no-raw", "get", "k"], "");
    check(&output, 0, "1) invalidate\n2) 1) \"k\"\n\"v\"\n", "");
}

#[test]
fn a_scan_ends_when_the_cursor_is_zero_again() {
    let script = vec![
        step("SCAN 0 MATCH k* COUNT 2", "*2\r\n$2\r\n17\r\n*1\r\n$2\r\nk1\r\n"),
        step("SCAN 17 MATCH k* COUNT 2", "*2\r\n$1\r\n0\r\n*1\r\n$2\r\nk2\r\n"),
    ];
    let output = run(script, &["--scan", "--pattern", "k*", "--count", "2"], "");
    check(&output, 0, "k1\nk2\n", "");
}

#[test]
fn a_pipe_counts_replies_and_errors_up_to_its_own_last_command() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let input = "SET a b\r\nFOO\r\n";
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let echo = b"\r\n*2\r\n$4\r\nECHO\r\n$32\r\n";
        let mut request = vec![0; input.len() + echo.len() + 32 + 2];
        stream.read_exact(&mut request).expect("everything");
        assert_eq!(request[..input.len()], *input.as_bytes());
        assert_eq!(request[input.len()..input.len() + echo.len()], *echo);
        let magic = &request[input.len() + echo.len()..];
        let replies = [b"+OK\r\n-ERR unknown\r\n$32\r\n", magic].concat();
        stream.write_all(&replies).expect("the client reads");
    });
    let output = run_at(port, &["--pipe"], input);
    server.join().expect("the script was followed");
    let shown = "All data transferred. Waiting for the last reply...\nLast reply received from server.\n\
        errors: 1, replies: 2\n";
    check(&output, 1, shown, "ERR unknown\n");
}

#[test]
fn hostile_servers_get_an_error_and_no_memory() {
    let deep = b"*1\r\n".repeat(100_000);
    let promises: &[&[u8]] = &[
        b"$-7\r\n",
        b"*9223372036854775807\r\n",
        b"%4611686018427387904\r\n",
        b"~2147483647\r\n",
        b"$9223372036854775807\r\n",
        b"HTTP/1.1 200 OK\r\n",
        &deep,
    ];
    for answer in promises {
        let output = run(vec![step("get k", *answer)], &["get", "k"], "");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.starts_with("Error: protocol error: "), "{error}");
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn a_server_that_goes_away_in_the_middle_of_a_reply_is_reported() {
    let output = run(vec![step("get k", "$5\r\nab")], &["get", "k"], "");
    check(&output, 1, "", "Error: Server closed the connection\n");
}

#[test]
fn nobody_listening_and_bad_flags_are_reported() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    drop(listener);
    let output = run_at(port, &["ping"], "");
    check(&output, 1, "", &format!("Could not connect to Redis at 127.0.0.1:{port}: Connection refused\n"));
    for (flags, wrong) in [(&["--nonsense"][..], "--nonsense"), (&["-X"], "-X")] {
        let output = run_at(port, flags, "");
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let words = format!("Unrecognized option or bad number of args for: '{wrong}'\n");
        assert!(told.starts_with(&words), "{told}");
    }
    let output = run_at(port, &["--quoted-input", "set", "\"a\" \"b\""], "");
    check(&output, 1, "Invalid quoted string\n", "");
    let version = run_at(port, &["--version"], "");
    check(&version, 0, concat!("rustypotato-cli ", env!("CARGO_PKG_VERSION"), "\n"), "");
}

#[test]
fn nodes_of_a_cluster_are_followed_where_that_is_wanted() {
    let run = |kind: &str, flags: &[&str], script: &[(&str, &str)]| {
        let script = script.iter().map(|&(command, answer)| step(command, answer)).collect();
        let second = serve(script);
        let error = format!("-{kind} 12182 127.0.0.1:{}\r\n", second.port);
        let first = serve(vec![step("set foo bar", error)]);
        let output = run_at(first.port, &[flags, &["set", "foo", "bar"]].concat(), "");
        first.script.join().expect("the script was followed");
        (output, second)
    };
    let (output, second) = run("MOVED", &["-c"], &[("set foo bar", "+OK\r\n")]);
    check(&output, 0, "OK\n", "");
    second.script.join().expect("the script was followed");
    let (output, second) = run("ASK", &["-c"], &[("ASKING", "+OK\r\n"), ("set foo bar", "+OK\r\n")]);
    check(&output, 0, "OK\n", "");
    second.script.join().expect("the script was followed");
    let (output, second) = run("MOVED", &["-c", "--no-raw"], &[("set foo bar", "+OK\r\n")]);
    let place = format!("127.0.0.1:{}", second.port);
    check(&output, 0, &format!("-> Redirected to slot [12182] located at {place}\nOK\n"), "");
    second.script.join().expect("the script was followed");
    let (output, _) = run("MOVED", &[], &[]);
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("MOVED 12182 127.0.0.1:"));
}

#[test]
fn nodes_that_send_a_client_in_circles_are_left() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let circle = std::thread::spawn(move || {
        for _ in 0..16 {
            let (mut stream, _) = listener.accept().expect("a client");
            let (expected, answer) = step("get k", format!("-MOVED 1 :{port}\r\n"));
            stream.read_exact(&mut vec![0; expected.len()]).expect("a request");
            stream.write_all(&answer).expect("an answer");
        }
        listener
    });
    let output = run_at(port, &["-c", "get", "k"], "");
    check(&output, 1, "", "The nodes of the cluster send the command to each other.\n");
    drop(circle.join().expect("it was asked so often"));
}

#[test]
fn a_snapshot_is_written_to_a_file_that_is_whole_or_not_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("copy.rdb");
    let name = path.to_str().expect("a plain path");
    let greeting = || step("REPLCONF rdb-only 1", "+OK\r\n");
    let sync = |answer: &str| (b"*1\r\n$4\r\nSYNC\r\n".to_vec(), answer.as_bytes().to_vec());
    let told = |bytes: u64, name: &str| {
        format!("sending REPLCONF rdb-only 1\nSYNC sent to master, writing {bytes} bytes to '{name}'\n")
    };
    let output = run(vec![greeting(), sync("\n\n$5\r\nREDI")], &["--rdb", name], "");
    check(&output, 1, "", &(told(5, name) + "Error: Server closed the connection\n"));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "no part of it is left");
    let output = run(vec![greeting(), sync("\n\n$5\r\nREDIS*1\r\n")], &["--rdb", name], "");
    check(&output, 0, "", &(told(5, name) + "Transfer finished with success.\n"));
    assert_eq!(std::fs::read(&path).expect("it is there"), b"REDIS");
    let output = run(vec![greeting(), sync("$5\r\nREDIS")], &["--rdb", "-"], "");
    check(&output, 0, "REDIS", &(told(5, "-") + "Transfer finished with success.\n"));
    let output = run(vec![greeting(), sync("-NOPERM no\r\n")], &["--rdb", name], "");
    check(&output, 1, "", "sending REPLCONF rdb-only 1\nSYNC with master failed: -NOPERM no\n");
    let nowhere = folder.path().join("nowhere/copy.rdb");
    let name = nowhere.to_str().expect("a plain path");
    let output = run(vec![greeting(), sync("$5\r\nREDIS")], &["--rdb", name], "");
    check(&output, 1, "", &(told(5, name) + &format!("{name}: No such file or directory\n")));
    let refusal = step("REPLCONF rdb-filter-only functions", "-ERR Unrecognized REPLCONF option\r\n");
    let output = run(vec![greeting(), refusal], &["--functions-rdb", name], "");
    let told = "sending REPLCONF rdb-only 1\nsending REPLCONF rdb-filter-only functions\nFailed requesting functions only RDB \
         from server: ERR Unrecognized REPLCONF option\n";
    check(&output, 1, "", told);
}

#[test]
fn what_replicas_are_sent_is_shown() {
    let stream = "$3\r\nRDB*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n\
        *3\r\n$3\r\nset\r\n$1\r\nk\r\n$3\r\nv\"w\r\n";
    let sync = (b"*1\r\n$4\r\nSYNC\r\n".to_vec(), stream.as_bytes().to_vec());
    let output = run(vec![sync], &["--replica"], "");
    let told = "SYNC with master, discarding 3 bytes of bulk transfer...\nSYNC done. Logging commands from master.\n\
        Error: Server closed the connection\n";
    check(&output, 1, "\"SELECT\",\"0\"\n\"set\",\"k\",\"v\\\"w\"\n", told);
}

/// Runs the program at a terminal of its own, whose keys are `input`.
fn run_at_a_terminal(port: u16, terminal: &str, input: &str) -> String {
    let program = env!("CARGO_BIN_EXE_rustypotato-cli");
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--command", &format!("{program} -p {port}"), "/dev/null"])
        .env("TERM", terminal)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script of util-linux is there");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("keys are taken");
    let output = child.wait_with_output().expect("the program ends");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_terminal_that_understands_nothing_gets_a_prompt_and_answers() {
    let server = serve(vec![
        step("COMMAND DOCS", "*0\r\n"),
        step("ping", "+PONG\r\n"),
        step("set a b c", "-ERR syntax error\r\n"),
    ]);
    let shown = run_at_a_terminal(server.port, "dumb", "ping\n\nset a \"b\" c\nexit\n");
    assert!(!shown.contains('\x1b'), "{shown:?}");
    let prompt = format!("127.0.0.1:{}> ", server.port);
    assert_eq!(shown.matches(&prompt).count(), 4, "{shown:?}");
    assert!(shown.contains("PONG\r\n") && shown.contains("(error) ERR syntax error\r\n"), "{shown:?}");
    server.script.join().expect("the script was followed");
}

/// The answer to INFO.
fn info(lines: &str) -> Vec<u8> {
    format!("${}\r\n{lines}\r\n", lines.len()).into_bytes()
}

/// The answer to BACKUP OPEN of a server with an RDB file of so many bytes.
fn opened(token: u64, length: usize) -> Vec<u8> {
    let file = format!("*4\r\n$8\r\nsnapshot\r\n:1\r\n$8\r\ndump.rdb\r\n:{length}\r\n");
    format!(
        "%5\r\n$5\r\ntoken\r\n:{token}\r\n$7\r\nversion\r\n$5\r\n0.1.0\r\n$6\r\nfolder\r\n$1\r\nd\r\n\
         $6\r\nprefix\r\n$1\r\na\r\n$5\r\nfiles\r\n*1\r\n{file}"
    )
    .into_bytes()
}

#[test]
fn a_log_that_goes_off_before_a_backup_does_not_make_old_data_new() {
    let world = tempfile::tempdir().expect("a folder");
    let dir = world.path().join("backups");
    let flags = ["backup", "--dir", dir.to_str().expect("text"), "--keep", "0"];
    let state = |saves: u64, now: u64| {
        info(&format!(
            "rdb_saves:{saves}\r\nrdb_bgsave_in_progress:{now}\r\naof_rewrite_in_progress:0\r\n\
             rdb_last_bgsave_status:err\r\n"
        ))
    };
    let begin = [
        step("INFO persistence", info("aof_enabled:1\r\n")),
        step("BACKUP OPEN", opened(7, 5)),
        step("BACKUP CLOSE 7", "+OK\r\n"),
    ];
    let output = run(begin.to_vec(), &[&flags[..], &["--incremental"]].concat(), "");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("this server has none"));

    // An empty file of this version, without a checksum.
    let rdb = b"REDIS0011\xff\0\0\0\0\0\0\0\0";
    // A save has failed before, and somebody else begins one when this one is asked for.
    let rest = [
        step("INFO persistence", state(1, 0)),
        step("BGSAVE", "-ERR Background save already in progress\r\n"),
        step("INFO persistence", state(1, 1)),
        step("INFO persistence", state(2, 0)),
        step("BGSAVE", "+Background saving started\r\n"),
        step("INFO persistence", state(2, 1)),
        step("INFO persistence", state(3, 0)),
        step("BACKUP OPEN", opened(8, rdb.len())),
        step("INFO server", info("server_time_usec:1935930600123456\r\n")),
        step(
            &format!("BACKUP READ 8 0 0 {}", rdb.len()),
            [format!("${}\r\n", rdb.len()).as_bytes(), rdb, b"\r\n"].concat(),
        ),
        step("BACKUP CLOSE 8 DONE", "+OK\r\n"),
    ];
    let output = run([&begin[..], &rest].concat(), &flags, "");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(told.starts_with("20310507T143000Z-snapshot: data of 2031-05-07T14:30:00.123Z;"), "{told}");
}

#[test]
fn a_backup_that_cannot_be_written_asks_nothing_of_the_server() {
    let world = tempfile::tempdir().expect("a folder");
    let file = world.path().join("file");
    std::fs::write(&file, b"").expect("the folder can be written");
    let dir = file.join("backups");
    let output = run_at(1, &["backup", "--dir", dir.to_str().expect("text")], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains(file.to_str().expect("text")), "{output:?}");
}
