//! The program, servers to make files and to start on them, and the files themselves.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use client::{Client, Options};
use resp::Frame;

/// What both servers write to their log when they serve.
const READY: &str = "Ready to accept connections";

/// A server in a folder. It is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    port: u16,
    /// Reads the log, so that the pipe never fills up.
    log: Option<std::thread::JoinHandle<String>>,
}

impl Server {
    /// The server of this workspace, with appending only.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// The same with more options.
    pub(crate) fn start_with(folder: &Path, options: &[&str]) -> Self {
        Self::start_program(&own(), folder, &[&["--appendonly", "yes", "--save", ""], options].concat())
    }

    /// A server with these options.
    pub(crate) fn start_program(program: &Path, folder: &Path, options: &[&str]) -> Self {
        Self::try_start(program, folder, options).unwrap_or_else(|log| panic!("it did not start:\n{log}"))
    }

    /// A server that must refuse these files: its log.
    pub(crate) fn refused(folder: &Path, options: &[&str]) -> String {
        let own_options = [&["--appendonly", "yes", "--save", ""], options].concat();
        match Self::try_start(&own(), folder, &own_options) {
            Ok(_) => panic!("the server was to refuse"),
            Err(log) => log,
        }
    }

    fn try_start(program: &Path, folder: &Path, options: &[&str]) -> Result<Self, String> {
        let socket = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let port = socket.local_addr().expect("it is bound").port();
        drop(socket);
        let mut child = Command::new(program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"])
            .arg(folder)
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display()));
        let mut lines = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        let mut log = String::new();
        while !log.contains(READY) {
            if lines.read_line(&mut log).unwrap_or(0) == 0 {
                let _ = child.wait();
                return Err(log);
            }
        }
        let log = std::thread::spawn(move || {
            let _ = lines.read_to_string(&mut log);
            log
        });
        Ok(Self { child, port, log: Some(log) })
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A connection.
    pub(crate) fn connect(&self) -> Client {
        Client::connect(&Options::tcp("127.0.0.1", self.port)).expect("the server accepts")
    }

    /// Asks it to end, and waits.
    pub(crate) fn stop(mut self) {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::TERM).expect("it still runs");
        self.child.wait().expect("a child can be waited for");
        self.log.take().expect("the log is read once").join().expect("the log is text");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server of this workspace, which is built together with the program.
fn own() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_rustypotato-check")).with_file_name("rustypotato-server");
    assert!(path.exists(), "{} is missing: cargo build --workspace --bins", path.display());
    path
}

/// Whether a program of Redis is there; if not, that is said.
pub(crate) fn has(program: &str) -> bool {
    let is_there = Command::new(program).arg("--version").output().is_ok();
    if !is_there {
        println!("left out: {program} cannot be run");
    }
    is_there
}

/// Runs a command given as words without quotes, which must not fail.
pub(crate) fn must(client: &mut Client, command: &str) -> Frame {
    let words: Vec<&str> = command.split_whitespace().collect();
    let reply = client.command(&words).unwrap_or_else(|error| panic!("{command}: {error}"));
    assert!(!reply.is_error(), "{command}: {reply:?}");
    reply
}

/// The text of a reply, for comparing with what is expected.
pub(crate) fn text(reply: &Frame) -> String {
    reply.bytes().map_or_else(
        || reply.integer().map_or_else(|| format!("{reply:?}"), |number| number.to_string()),
        |bytes| String::from_utf8_lossy(bytes).into_owned(),
    )
}

/// The keys of a database in order.
pub(crate) fn keys(client: &mut Client) -> Vec<String> {
    let mut keys: Vec<String> =
        must(client, "KEYS *").elements().expect("an array").iter().map(text).collect();
    keys.sort();
    keys
}

/// What the program did.
pub(crate) struct Outcome {
    /// Its exit status; -1 if a signal has ended it.
    pub(crate) code: i32,
    /// Standard output, then standard error.
    pub(crate) said: String,
}

impl Outcome {
    /// The exit status is this one, and all of these are said.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, code, "{}", self.said);
        for part in parts {
            assert!(self.said.contains(part), "{part:?} is not said:\n{}", self.said);
        }
    }
}

/// Runs the program with these words and then a path.
pub(crate) fn check(words: &[&str], path: &Path) -> Outcome {
    check_answered(words, path, "")
}

/// The same with an answer on standard input.
pub(crate) fn check_answered(words: &[&str], path: &Path, answer: &str) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rustypotato-check"));
    command.args(words).arg(path);
    run(&mut command, answer)
}

/// Runs any program.
pub(crate) fn run(command: &mut Command, answer: &str) -> Outcome {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    // Whoever does not ask does not read.
    let _ = child.stdin.take().expect("standard input is a pipe").write_all(answer.as_bytes());
    let output = child.wait_with_output().expect("a child can be waited for");
    let said = [output.stdout, output.stderr].concat();
    Outcome { code: output.status.code().unwrap_or(-1), said: String::from_utf8_lossy(&said).into_owned() }
}

/// Where an append-only set is in the folder of a server.
pub(crate) const SET: &str = "appendonlydir";
/// The increment of a server that was not rewritten.
pub(crate) const INCREMENT: &str = "appendonlydir/appendonly.aof.1.incr.aof";

/// Makes a set of `count` keys, `key:1` and so on, each in a batch of its own, and ends the server.
pub(crate) fn make_set(folder: &Path, count: usize) {
    let server = Server::start(folder);
    let mut client = server.connect();
    for number in 1..=count {
        must(&mut client, &format!("SET key:{number} value:{number}"));
    }
    server.stop();
}

/// Where the line of a batch begins in a file, and what time it tells.
pub(crate) fn batch(path: &Path, number: u64) -> (usize, i64) {
    let bytes = fs::read(path).expect("it is there");
    let name = format!("#BATCH:{number} ");
    let at =
        bytes.windows(name.len()).position(|window| window == name.as_bytes()).expect("the batch is there");
    let rest = String::from_utf8_lossy(&bytes[at + name.len()..]).into_owned();
    (at, rest.split(' ').next().expect("a word").parse().expect("a time"))
}

/// Changes one bit of a file, so many bytes behind a text in it.
pub(crate) fn damage(path: &Path, text: &str, behind: usize) {
    let mut bytes = fs::read(path).expect("it is there");
    let at =
        bytes.windows(text.len()).position(|window| window == text.as_bytes()).expect("the text is there");
    bytes[at + behind] ^= 1;
    fs::write(path, bytes).expect("the file can be written");
}
