//! Writes replies to standard output as they come, each at once, so that the output can be watched and cut.

use crate::output::{self, Format, Style};
use crate::session::{Answer, Session, Shown, Streaming};
use crate::{failure::Failure, options::Options};
use resp::Frame;
use std::io::{self, BufWriter, Write};

/// How often one command is sent on: nodes that send a client in circles are not believed for ever.
const MAX_REDIRECTS: u32 = 16;

/// Writes replies to standard output.
pub(crate) struct Printer {
    style: Style,
    show_pushes: bool,
    /// Whether error replies go to standard error, where `-e` wants them.
    errors_apart: bool,
}

impl Printer {
    /// A printer as the user wants it.
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            style: options.style.clone(),
            show_pushes: options.show_pushes,
            errors_apart: options.exit_on_error,
        }
    }

    /// Sends a command and prints what comes. Tells whether the reply was an error.
    pub(crate) fn execute(&self, session: &mut Session, args: &[Vec<u8>]) -> Result<bool, Failure> {
        // Inside a transaction the reply is the status QUEUED, whatever the command.
        let plain = output::is_laid_out_text(args) && !session.state().in_transaction;
        for _ in 0..MAX_REDIRECTS {
            match session.execute(args, &mut |shown, frame| self.print(shown, frame, plain))? {
                Answer::Shown { is_error } => return Ok(is_error),
                Answer::Elsewhere(redirect) => {
                    if self.style.format == Format::Standard {
                        writeln!(io::stdout(), "{}", redirect.notice)?;
                    }
                    session.follow(redirect)?;
                }
            }
        }
        Err(Failure::message("The nodes of the cluster send the command to each other."))
    }

    /// Prints what the server sends by itself, until the connection ends.
    pub(crate) fn follow(&self, session: &mut Session) -> Result<(), Failure> {
        if session.state().streaming == Streaming::Messages && self.style.format == Format::Standard {
            writeln!(io::stdout(), "Reading messages... (press Ctrl-C to quit)")?;
        }
        while session.state().streaming != Streaming::Nothing {
            let (shown, frame) = session.wait_event()?;
            self.print(shown, &frame, false)?;
        }
        Ok(())
    }

    /// Prints what has come unasked.
    pub(crate) fn drain(&self, session: &mut Session) -> Result<(), Failure> {
        loop {
            match session.poll_event() {
                Ok(Some((shown, frame))) => self.print(shown, &frame, false)?,
                Ok(None) | Err(Failure::Connection(_)) => return Ok(()),
                Err(failure) => return Err(failure),
            }
        }
    }

    /// What there is to print for something that has come unasked.
    pub(crate) fn text(&self, shown: Shown, frame: &Frame) -> Option<String> {
        if shown == Shown::Push && !self.show_pushes {
            return None;
        }
        let mut text = Vec::new();
        output::write_reply(&mut text, frame, &self.style).ok()?;
        Some(String::from_utf8_lossy(&text).into_owned())
    }

    fn print(&self, shown: Shown, frame: &Frame, plain: bool) -> io::Result<()> {
        if shown == Shown::Push && !self.show_pushes {
            return Ok(());
        }
        if let (true, Shown::Reply, Some(text)) = (self.errors_apart, shown, frame.error()) {
            let mut line = Vec::new();
            output::write_harmless(&mut line, text)?;
            line.push(b'\n');
            return io::stderr().write_all(&line);
        }
        let mut out = BufWriter::new(io::stdout().lock());
        match self.style.format {
            Format::Raw if plain => write_text(&mut out, frame)?,
            Format::Standard if plain && !frame.is_error() => write_text(&mut out, frame)?,
            _ => output::write_reply(&mut out, frame, &self.style)?,
        }
        out.flush()
    }
}

/// Writes a text that ends in one line end, whether the server gave it one or not.
fn write_text(out: &mut dyn Write, frame: &Frame) -> io::Result<()> {
    let bytes = frame.bytes().or_else(|| frame.error()).unwrap_or_default();
    out.write_all(bytes)?;
    if bytes.ends_with(b"\n") { Ok(()) } else { out.write_all(b"\n") }
}
