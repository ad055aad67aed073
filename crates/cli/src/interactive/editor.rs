//! The line editor, put together: history, hints, a completion menu, and messages above the line.
//!
//! A terminal that cannot say where its cursor is (a script that drives the program, an editor's window) gets the prompt and
//! the system's own editing of lines; messages are shown there when the next command runs.

use super::Shared;
use super::complete::CommandCompleter;
use super::hint::SyntaxHinter;
use super::history;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::prompt::PlainPrompt;
use reedline::{
    ColumnarMenu, EditCommand, Emacs, ExternalPrinter, KeyCode, KeyModifiers, MenuBuilder, Reedline,
    ReedlineEvent, ReedlineMenu, Signal, default_emacs_keybindings,
};
use std::io::{self, BufRead, Write};
use std::sync::Arc;

/// How many messages may wait to be drawn.
const MAX_WAITING_MESSAGES: usize = 256;
/// How many messages are taken from the connection between two looks at the keyboard.
const MESSAGES_A_LOOK: usize = 64;
/// The longest line that is read from a terminal which edits it itself.
const MAX_LINE: u64 = 1024 * 1024;
const MENU: &str = "completion_menu";

/// The line editor.
pub(super) enum Editor {
    /// Draws the line itself.
    Drawing(Box<Reedline>),
    /// Leaves the line to the terminal.
    Plain,
}

/// Terminals that are known to understand nothing, as `TERM` names them.
const DUMB_TERMINALS: [&str; 3] = ["dumb", "cons25", "emacs"];

/// Whether the terminal tells where its cursor is. One that does not is waited for, two seconds in all.
fn can_draw() -> bool {
    let terminal = std::env::var("TERM").unwrap_or_default();
    !DUMB_TERMINALS.contains(&terminal.as_str()) && crossterm::cursor::position().is_ok()
}

/// What the user did.
pub(super) enum Read {
    /// Entered text; several lines when they were pasted.
    Text(String),
    /// Gave up the line with Ctrl-C.
    Interrupted,
    /// Left with Ctrl-D.
    End,
}

impl Editor {
    /// An editor that knows the commands of the server and shows what it sends.
    pub(super) fn new(shared: Arc<Shared>, printer: Arc<Printer>) -> Self {
        if !can_draw() {
            return Self::Plain;
        }
        let colors = std::env::var_os("NO_COLOR").is_none();
        let messages = ExternalPrinter::new(MAX_WAITING_MESSAGES);
        let mut keys = default_emacs_keybindings();
        let open_menu = ReedlineEvent::UntilFound(vec![
            ReedlineEvent::Menu(MENU.to_owned()),
            ReedlineEvent::MenuNext,
            ReedlineEvent::Edit(vec![EditCommand::Complete]),
        ]);
        keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, open_menu);
        keys.add_binding(KeyModifiers::SHIFT, KeyCode::BackTab, ReedlineEvent::MenuPrevious);
        let menu = ColumnarMenu::default().with_name(MENU);
        let waiting = messages.sender();
        let mut editor = Reedline::create()
            .with_ansi_colors(colors)
            .with_hinter(Box::new(SyntaxHinter::new(Arc::clone(&shared))))
            .with_completer(Box::new(CommandCompleter::new(Arc::clone(&shared))))
            .with_quick_completions(true)
            .with_partial_completions(true)
            .with_menu(ReedlineMenu::EngineCompleter(Box::new(menu)))
            .with_edit_mode(Box::new(Emacs::new(keys)))
            .with_external_printer(messages)
            .with_idle_callback(Box::new(move || {
                let mut session = shared.session();
                for _ in 0..MESSAGES_A_LOOK {
                    // A lost connection is told when the next command finds it.
                    let Ok(Some((shown, frame))) = session.poll_event() else { break };
                    if let Some(text) = printer.text(shown, &frame)
                        && waiting.try_send(text).is_err()
                    {
                        break;
                    }
                }
            }))
            .use_bracketed_paste(true);
        if let Some(history) = history::open() {
            editor = editor.with_history(history);
        }
        Self::Drawing(Box::new(editor))
    }

    /// Reads what the user enters.
    pub(super) fn read(&mut self, prompt: &str) -> Result<Read, Failure> {
        let editor = match self {
            Self::Drawing(editor) => editor,
            Self::Plain => return read_plain(prompt),
        };
        match editor.read_line(&PlainPrompt(prompt)).map_err(|error| failed(&error))? {
            Signal::Success(text) => {
                // At once, so that a session that is killed has its history; without a file nothing is lost.
                let _ = editor.sync_history();
                Ok(Read::Text(text))
            }
            Signal::CtrlD => Ok(Read::End),
            _ => Ok(Read::Interrupted),
        }
    }

    /// Empties the screen.
    pub(super) fn clear_screen(&mut self) -> Result<(), Failure> {
        match self {
            Self::Drawing(editor) => editor.clear_screen().map_err(|error| failed(&error)),
            Self::Plain => Ok(()),
        }
    }
}

/// Reads a line as the terminal gives it.
fn read_plain(prompt: &str) -> Result<Read, Failure> {
    let mut output = io::stdout();
    write!(output, "{prompt}")?;
    output.flush()?;
    read_line(io::stdin().lock())
}

/// Reads a line of up to [`MAX_LINE`] bytes, its end among them.
fn read_line(input: impl BufRead) -> Result<Read, Failure> {
    let mut line = Vec::new();
    match input.take(MAX_LINE + 1).read_until(b'\n', &mut line)? as u64 {
        0 => Ok(Read::End),
        1..=MAX_LINE => Ok(Read::Text(String::from_utf8_lossy(&line).into_owned())),
        _ => Err(Failure::message("Error: the line is too long")),
    }
}

fn failed(error: &io::Error) -> Failure {
    Failure::message(format!("Error: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_longest_length_that_is_still_taken() {
        let length =
            |bytes: usize, end: &str| match read_line(format!("{}{end}rest", "x".repeat(bytes)).as_bytes()) {
                Ok(Read::Text(line)) => Some(line.len()),
                _ => None,
            };
        let most = MAX_LINE as usize;
        assert_eq!(length(3, "\n"), Some(4));
        assert_eq!(length(most - 1, "\n"), Some(most));
        assert_eq!(length(most, "\n"), None);
        assert!(matches!(read_line("x".repeat(most).as_bytes()), Ok(Read::Text(_))), "the input ends there");
        assert!(matches!(read_line(&b""[..]), Ok(Read::End)));
    }
}
