//! The server in the background: `daemonize yes`.
//!
//! A process with threads must not fork, and this one has had threads since before `main`, those of its allocator. So the command
//! starts itself again, as a process with a session of its own, without terminal, input and output, and waits until that process
//! says that it serves clients. If it ends before, the command says why, as a start in the foreground would.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use crate::boot::COMPLAINT;

/// The variable that tells the process that it is the one in the background. It does not begin as those of parameters do.
const MARK: &str = "POTATO_IN_BACKGROUND";
/// What it writes to its standard error when it serves clients.
const READY: &str = "ready";

/// Whether this is the process in the background.
pub fn is_here() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Starts the process in the background, which reads what this one read from standard input, and waits until it serves clients.
pub fn start(input: Option<&[u8]>) -> Result<(), String> {
    let started = spawn(input.is_some()).and_then(|mut child| {
        if let (Some(content), Some(mut stdin)) = (input, child.stdin.take()) {
            stdin.write_all(content)?;
        }
        Ok(child)
    });
    let child = started.map_err(|error| {
        format!("no server can be started in the background: {error}; start it with daemonize no")
    })?;
    await_ready(child)
}

fn spawn(has_input: bool) -> io::Result<Child> {
    Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(MARK, "yes")
        .stdin(if has_input { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
}

fn await_ready(mut child: Child) -> Result<(), String> {
    let mut last = String::new();
    if let Some(said) = child.stderr.take() {
        for line in BufReader::new(said).lines().map_while(Result::ok) {
            if line == READY {
                return Ok(());
            }
            last = line;
        }
    }
    let status = child.wait().map_err(|error| format!("the server in the background is lost: {error}"))?;
    match last.strip_prefix(COMPLAINT) {
        Some(reason) => Err(reason.to_owned()),
        None => Err(format!(
            "the server in the background ended before it was ready: {status} {last}; see its log"
        )),
    }
}

/// In the background: leaves the session of whoever started it, so that the end of that one does not end it, too.
pub fn leave_session() {
    // It fails only for the first process of a session, which has nothing to leave.
    let _ = rustix::process::setsid();
}

/// In the background: says that clients are served. From here on nobody listens.
pub fn tell_ready() {
    // Whoever waits for it may be gone.
    let _ = writeln!(io::stderr(), "{READY}");
    if let Ok(nowhere) = OpenOptions::new().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stderr(nowhere);
    }
}
