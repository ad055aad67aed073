//! The server as a service: in the background, with the file that holds its number, and told of to a service manager.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use client::{Client, Options};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::support::{Server, free_port, must, run, text, without_settings};

/// Runs the command with `daemonize yes` to its end, which must come at once.
fn daemonize(folder: &Path, port: u16, options: &[&str], input: &str) -> Output {
    let mut command = without_settings(env!("CARGO_BIN_EXE_rustypotato-server"))
        .args(["--daemonize", "yes", "--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--appendonly", "no", "--save", ""])
        .args(options)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the server can be started");
    let mut stdin = command.stdin.take().expect("standard input is a pipe");
    // Without a `-` nobody reads it.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    command.wait_with_output().expect("a child can be waited for")
}

fn connect(port: u16) -> Client {
    Client::connect(&Options::tcp("127.0.0.1", port)).expect("the server in the background accepts")
}

/// Asks a server in the background to end, and waits for that.
fn end(client: &mut Client, process: Pid) {
    let descriptor = pidfd_open(process, PidfdFlags::empty()).expect("the process runs");
    // The end of the connection is the reply.
    let _ = client.command(&["SHUTDOWN", "NOSAVE"]);
    let mut watched = [PollFd::new(&descriptor, PollFlags::IN)];
    poll(&mut watched, None).expect("the end of a process can be awaited");
}

#[test]
fn a_server_in_the_background_outlives_its_command_and_is_found_by_its_pidfile() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = free_port();
    let output =
        daemonize(folder.path(), port, &["--pidfile", "pid", "--logfile", "log", "-"], "maxclients 77\n");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    let pid_file = folder.path().join("pid");
    let number: i32 =
        fs::read_to_string(&pid_file).expect("there is a pidfile").trim().parse().expect("it holds a number");
    let mut client = connect(port);
    let info = text(&must(&mut client, "INFO server"));
    assert!(info.contains(&format!("process_id:{number}\r\n")), "{number} in {info}");
    let clients = must(&mut client, "CONFIG GET maxclients");
    assert_eq!(text(&clients.elements().expect("a pair")[1]), "77");
    // A session of its own: the end of the terminal does not reach it.
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).expect("the process runs");
    assert_eq!(stat.split_whitespace().nth(5), Some(number.to_string().as_str()), "{stat}");
    end(&mut client, Pid::from_raw(number).expect("a process has a number"));
    assert!(!pid_file.exists(), "the pidfile goes with the process");
    let log = fs::read_to_string(folder.path().join("log")).expect("there is a log");
    assert!(log.contains("Ready to accept connections"), "{log}");
}

#[test]
fn what_keeps_a_server_from_the_background_is_told_in_the_foreground() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("some port is free");
    let port = taken.local_addr().expect("it is bound").port();
    for (options, part) in [
        (&["--pidfile", "pid"][..], "is another server running there?"),
        (&["--logfile", "nowhere/log"], "nowhere/log cannot be opened"),
        (&["--maxmemory", "lots"], "maxmemory"),
    ] {
        let output = daemonize(folder.path(), port, options, "");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with("rustypotato-server: ") && said.contains(part), "{part} in {said}");
    }
    assert!(!folder.path().join("pid").exists(), "who does not listen has no pidfile");
}

#[test]
fn a_pidfile_that_cannot_be_written_does_not_keep_the_server_from_serving() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), &["--appendonly", "no", "--pidfile", "nowhere/pid"]);
    assert_eq!(text(&run(&mut server.connect(), "PING")), "PONG");
    let (status, log) = server.stop();
    assert!(status.success() && log.contains("the pidfile nowhere/pid cannot be written"), "{log}");
}

#[test]
fn a_pidfile_that_is_another_servers_by_now_stays() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), &["--appendonly", "no", "--pidfile", "pid"]);
    let path = folder.path().join("pid");
    let written = fs::read_to_string(&path).expect("there is a pidfile");
    assert_eq!(written, format!("{}\n", server.process_id()));
    fs::write(&path, "1\n").expect("the folder can be written");
    server.stop();
    assert_eq!(fs::read_to_string(&path).expect("it stays"), "1\n");
}

#[test]
fn a_service_manager_is_told_of_the_start_and_the_end() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("manager");
    let manager = UnixDatagram::bind(&path).expect("the folder can be written");
    manager.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout can be set");
    let told = || {
        let mut text = [0; 200];
        let length = manager.recv(&mut text).expect("the server tells");
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    let port = free_port();
    let mut command = without_settings(env!("CARGO_BIN_EXE_rustypotato-server"));
    // Whoever is supervised does not leave for the background.
    command.args(["--supervised", "auto", "--daemonize", "yes", "--port", &port.to_string()]);
    let mut server = spawn(command.env("NOTIFY_SOCKET", &path).current_dir(folder.path()));
    assert!(told().starts_with("READY=1\n"));
    let mut client = connect(port);
    assert!(text(&must(&mut client, "INFO server")).contains("process_supervised:systemd\r\n"));
    // The end of the connection is the reply.
    let _ = client.command(&["SHUTDOWN", "NOSAVE"]);
    assert_eq!(told(), "STOPPING=1\n");
    assert!(server.wait().expect("a child can be waited for").success());
}

#[test]
fn a_service_manager_that_is_not_there_is_missed_in_the_log_only() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), &["--appendonly", "no", "--supervised", "systemd"]);
    let info = text(&must(&mut server.connect(), "INFO server"));
    assert!(info.contains("process_supervised:no\r\n"), "{info}");
    let (_, log) = server.stop();
    assert!(log.contains("NOTIFY_SOCKET is not set"), "{log}");
}

fn spawn(command: &mut Command) -> std::process::Child {
    command
        .args(["--appendonly", "no", "--save", ""])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("the server can be started")
}
