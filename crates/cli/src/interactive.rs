//! The prompt: reads lines from a person, with history, hints, completion, and messages as they come.
//!
//! The editor calls back while it waits for keys, and the callback looks for what the server sends by itself, so messages
//! of a subscription, lines of MONITOR and pushes appear above the line that is being typed. Session and documentation
//! are behind mutexes for that reason only: there is one thread.

mod complete;
mod docs;
mod editor;
mod help;
mod hint;
mod history;

use crate::clock;
use crate::failure::Failure;
use crate::line::{self, Line};
use crate::options::Options;
use crate::printer::Printer;
use crate::session::{Session, Streaming};
use client::Address;
use docs::Docs;
use editor::{Editor, Read};
use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the editor's callbacks and the loop below share.
pub(crate) struct Shared {
    session: Mutex<Session>,
    knowledge: Mutex<Knowledge>,
}

/// What hints and completion are made of.
struct Knowledge {
    docs: Docs,
    hints: bool,
}

impl Shared {
    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn knowledge(&self) -> MutexGuard<'_, Knowledge> {
        self.knowledge.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether to go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Line,
    Quit,
}

/// Reads and runs lines until the user leaves.
pub(crate) fn run(options: Options) -> Result<(), Failure> {
    let shared = Arc::new(Shared {
        session: Mutex::new(Session::disconnected(options.target.clone())),
        knowledge: Mutex::new(Knowledge { docs: Docs::default(), hints: true }),
    });
    let printer = Arc::new(Printer::new(&options));
    let mut prompt = Prompt { options, shared: Arc::clone(&shared), printer: Arc::clone(&printer) };
    prompt.reconnect()?;
    let mut editor = Editor::new(shared, printer);
    loop {
        match editor.read(&prompt.text())? {
            Read::Text(text) => {
                for line in text.lines() {
                    if prompt.run_line(line, &mut editor)? == Next::Quit {
                        return Ok(());
                    }
                }
            }
            Read::Interrupted => {}
            Read::End => return Ok(()),
        }
    }
}

/// The loop's state.
struct Prompt {
    options: Options,
    shared: Arc<Shared>,
    printer: Arc<Printer>,
}

impl Prompt {
    /// What stands before the line: where commands go and in which state.
    fn text(&self) -> String {
        let session = self.shared.session();
        if !session.is_connected() {
            return "not connected> ".to_owned();
        }
        let mut text = match &session.target().address {
            Address::Unix(path) => format!("redis {}", path.display()),
            address @ Address::Tcp { .. } => address.to_string(),
        };
        let state = session.state();
        if state.database != 0 {
            let _ = write!(text, "[{}]", state.database);
        }
        if state.in_transaction {
            text.push_str("(TX)");
        }
        if state.streaming == Streaming::Messages {
            text.push_str("(subscribed mode)");
        }
        text + "> "
    }

    fn run_line(&mut self, text: &str, editor: &mut Editor) -> Result<Next, Failure> {
        let (repeat, args) = match line::parse(text.as_bytes()) {
            Line::Empty => return Ok(Next::Line),
            Line::Unbalanced => {
                writeln!(std::io::stdout(), "Invalid argument(s)")?;
                return Ok(Next::Line);
            }
            Line::Command { repeat, args } => (repeat, args),
        };
        let words: Vec<String> =
            args.iter().map(|word| String::from_utf8_lossy(word).to_ascii_lowercase()).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["quit" | "exit"] => return Ok(Next::Quit),
            ["clear"] => editor.clear_screen()?,
            ["help" | "?", ..] => {
                help::write(&self.shared.knowledge().docs, &args[1..], &mut std::io::stdout())?;
            }
            [":set", preference] => self.set_preference(preference)?,
            ["connect", host, port] => {
                let Ok(port) = port.parse() else {
                    writeln!(std::io::stdout(), "Invalid port")?;
                    return Ok(Next::Line);
                };
                self.shared.session().target_mut().address = Address::Tcp { host: host.to_owned(), port };
                self.reconnect()?;
            }
            _ => self.run_command(repeat.unwrap_or(1), &args)?,
        }
        Ok(Next::Line)
    }

    fn set_preference(&self, preference: &str) -> Result<(), Failure> {
        match preference {
            "hints" => self.shared.knowledge().hints = true,
            "nohints" => self.shared.knowledge().hints = false,
            other => writeln!(std::io::stdout(), "unknown preference '{}'", other.escape_debug())?,
        }
        Ok(())
    }

    fn run_command(&mut self, repeat: u64, args: &[Vec<u8>]) -> Result<(), Failure> {
        // A connection that broke while nobody looked is replaced before the command is sent, never after.
        let mut session = self.shared.session();
        if session.is_connected() {
            self.printer.drain(&mut session)?;
        }
        let connected = session.is_connected();
        drop(session);
        if !connected && !self.reconnect()? {
            return Ok(());
        }
        let mut session = self.shared.session();
        for _ in 0..repeat {
            match self.printer.execute(&mut session, args) {
                Ok(_) => {}
                Err(Failure::Output(error)) => return Err(error.into()),
                Err(_) if args[0].eq_ignore_ascii_case(b"shutdown") => break,
                Err(failure) => {
                    writeln!(std::io::stderr(), "{failure}")?;
                    break;
                }
            }
            clock::pause(self.options.interval.unwrap_or_default());
        }
        Ok(())
    }

    /// Connects anew and learns what the server knows. Tells whether there is a connection.
    fn reconnect(&mut self) -> Result<bool, Failure> {
        let mut session = self.shared.session();
        match session.reconnect() {
            Ok(()) => {}
            Err(Failure::Output(error)) => return Err(error.into()),
            Err(failure) => {
                writeln!(std::io::stderr(), "{failure}")?;
                return Ok(false);
            }
        }
        // A server without documentation is still a server; it only gives no hints.
        let docs = session.request(&["COMMAND", "DOCS"]).map(|reply| Docs::parse(&reply)).unwrap_or_default();
        self.shared.knowledge().docs = docs;
        Ok(session.is_connected())
    }
}
