//! Servers for tests: a process in a given folder on a free loopback port, ended by its process number.
//!
//! A server is ready when its log says so, which is read from a pipe; a process that ends first gives its whole log to
//! the failure. Two programs are known: the server under test, and Debian's redis-server as oracle.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use client::{Client, Options};
use resp::{Frame, Protocol};

/// How long a test waits for a reply before it calls the server dead.
const PATIENCE: Duration = Duration::from_mins(2);
/// What both programs write to their log when they serve.
const READY: &str = "Ready to accept connections";
/// Ports below the range from which the system takes the ports of outgoing connections.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A server process. It is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    port: u16,
    /// Reads the log until the process ends, so that the pipe never fills up.
    log: Option<JoinHandle<String>>,
    /// The lines that it has read.
    lines: mpsc::Receiver<String>,
}

impl Server {
    /// Starts the server under test, its data in `folder`.
    pub(crate) fn start(folder: &Path, options: &[&str]) -> Self {
        Self::start_program(env!("CARGO_BIN_EXE_rustypotato-server"), folder, options)
    }

    /// Starts the server under test below strace, which is told what to do with its system calls. `Err`: it ends before it serves; its
    /// log.
    pub(crate) fn traced(folder: &Path, options: &[&str], tracing: &[&str]) -> Result<Self, String> {
        let mut program = vec!["strace", "-f", "-qq", "-o", "/dev/null"];
        program.extend_from_slice(tracing);
        program.extend(["--", env!("CARGO_BIN_EXE_rustypotato-server")]);
        Self::try_program(&program, folder, options)
    }

    /// Starts redis-server as oracle, its data in `folder`.
    pub(crate) fn oracle(folder: &Path, options: &[&str]) -> Self {
        Self::other("redis-server", folder, options)
    }

    /// Starts another server of that family, its data in `folder`.
    pub(crate) fn other(program: &str, folder: &Path, options: &[&str]) -> Self {
        let unsaved = [&["--save", "", "--enable-debug-command", "yes"], options].concat();
        Self::start_program(program, folder, &unsaved)
    }

    fn start_program(program: &str, folder: &Path, options: &[&str]) -> Self {
        Self::try_program(&[program], folder, options).unwrap_or_else(|log| panic!("{program} ended:\n{log}"))
    }

    /// Tries ports until the program, with its first arguments, gets hold of one. A first option that is none is a configuration file.
    /// `Err`: it ends for another reason; its log.
    fn try_program(program: &[&str], folder: &Path, options: &[&str]) -> Result<Self, String> {
        let files = options.first().is_some_and(|first| !first.starts_with("--"));
        let (file, options) = options.split_at(usize::from(files));
        let mut log = String::new();
        for _ in 0..10 {
            let port = free_port();
            let mut child = without_settings(program[0])
                .args(&program[1..])
                .args(file)
                .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"])
                .arg(folder)
                .args(options)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::inherit())
                .spawn()
                .unwrap_or_else(|error| panic!("{program:?} cannot be started: {error}"));
            let mut lines = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
            if wait_until_ready(&mut lines, &mut log) {
                let (sender, read) = mpsc::channel();
                let log = std::thread::spawn(move || rest_of(lines, log, &sender));
                return Ok(Self { child, port, log: Some(log), lines: read });
            }
            child.wait().expect("a child can be waited for");
            if !log.contains("in use") && !log.contains("listen") {
                return Err(log);
            }
            log.clear();
        }
        panic!("{program:?} found no free port");
    }

    /// Starts the server under test, which must refuse to run; gives its log.
    pub(crate) fn refused(folder: &Path, options: &[&str]) -> String {
        let port = free_port().to_string();
        let output = without_settings(env!("CARGO_BIN_EXE_rustypotato-server"))
            .args(["--port", &port, "--bind", "127.0.0.1", "--dir"])
            .arg(folder)
            .args(options)
            .output()
            .expect("the server can be started");
        assert!(!output.status.success(), "the server was to refuse");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The process.
    pub(crate) fn process(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Waits for a process that ends by itself; gives its log as well.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().expect("a child can be waited for");
        let log = self.log.take().expect("the log is read once").join().expect("the log is text");
        (status, log)
    }

    /// Waits until a line of the log contains `part`.
    pub(crate) fn wait_for_line(&self, part: &str) {
        while !self.lines.recv_timeout(PATIENCE).expect("the server goes on").contains(part) {}
    }

    /// A connection that speaks RESP2.
    pub(crate) fn connect(&self) -> Client {
        self.connect_with(Protocol::Resp2)
    }

    /// The server together with a connection to it.
    pub(crate) fn connect_and_keep(self) -> (Self, Client) {
        let client = self.connect();
        (self, client)
    }

    /// A connection that speaks `protocol`.
    pub(crate) fn connect_with(&self, protocol: Protocol) -> Client {
        let options =
            Options { protocol, read_timeout: Some(PATIENCE), ..Options::tcp("127.0.0.1", self.port) };
        Client::connect(&options).expect("the server accepts a connection")
    }

    /// A bare socket to the server.
    pub(crate) fn socket(&self) -> std::net::TcpStream {
        let socket = std::net::TcpStream::connect(("127.0.0.1", self.port)).expect("the server accepts");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        socket.set_nodelay(true).expect("small segments can be sent at once");
        socket
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The number of its process.
    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Ends the process as a power cut would, without a chance to write anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the server still runs");
        self.child.wait().expect("a child can be waited for");
    }

    /// As [`Server::kill`]; gives the log as well.
    pub(crate) fn kill_and_read(mut self) -> String {
        self.child.kill().expect("the server still runs");
        self.wait().1
    }

    /// Asks the process to end and waits for it; gives its log as well.
    pub(crate) fn stop(self) -> (ExitStatus, String) {
        let process = self.process();
        rustix::process::kill_process(process, rustix::process::Signal::TERM).expect("the server still runs");
        self.wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `kill` and `stop` it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that does not hand down `RUSTYPOTATO_*`, which are for the tests and would configure the server. But for the backend:
/// all tests hold for each.
pub(crate) fn without_settings(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RUSTYPOTATO_") && name != "RUSTYPOTATO_IO_BACKEND" {
            command.env_remove(name);
        }
    }
    command.env("RUSTYPOTATO_THREADS", "2"); // on every machine, unless a test says otherwise
    command
}

/// Reads the log up to the line that says that the server serves; false if the process ended before.
fn wait_until_ready(lines: &mut BufReader<ChildStdout>, log: &mut String) -> bool {
    loop {
        let start = log.len();
        match lines.read_line(log) {
            Ok(0) | Err(_) => return false,
            Ok(_) if log[start..].contains(READY) => return true,
            Ok(_) => {}
        }
    }
}

fn rest_of(mut lines: BufReader<ChildStdout>, mut log: String, read: &mpsc::Sender<String>) -> String {
    loop {
        let start = log.len();
        // What follows bytes that are no text is missed; the log is for people.
        if lines.read_line(&mut log).unwrap_or(0) == 0 {
            return log;
        }
        // Few tests listen.
        let _ = read.send(log[start..].to_owned());
    }
}

/// A port that nobody listens on. Somebody else may take it before the server does, which then tries the next.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let span = PORTS.end - PORTS.start;
    let offset = (std::process::id() % u32::from(span)) as u16;
    loop {
        let count = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + (offset + count % span) % span;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The words of a command that needs no quoting.
pub(crate) fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// Runs a command given as words without quotes.
pub(crate) fn run(client: &mut Client, command: &str) -> Frame {
    client.command(&words(command)).unwrap_or_else(|error| panic!("{command}: {error}"))
}

/// Runs a command that must not fail.
pub(crate) fn must(client: &mut Client, command: &str) -> Frame {
    let reply = run(client, command);
    assert!(!reply.is_error(), "{command}: {reply:?}");
    reply
}

/// Waits until what was to last a millisecond has.
pub(crate) fn wait_until_due(client: &mut Client) {
    let mut time = || {
        let time = must(client, "TIME");
        let parts = time.elements().expect("seconds and microseconds");
        let parts: Vec<i64> = parts.iter().map(|part| text(part).parse().expect("a number")).collect();
        parts[0] * 1000 + parts[1] / 1000
    };
    let begun = time();
    while time() < begun + 2 {}
}

/// The text of a reply, for comparing with what is expected.
pub(crate) fn text(reply: &Frame) -> String {
    reply.bytes().or(reply.error()).map_or_else(
        || reply.integer().map_or_else(|| format!("{reply:?}"), |number| number.to_string()),
        |bytes| String::from_utf8_lossy(bytes).into_owned(),
    )
}

/// Makes a pipe with a name, from which nothing ever comes.
pub(crate) fn make_pipe(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).expect("a pipe can be made");
}
