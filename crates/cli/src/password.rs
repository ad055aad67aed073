//! `--askpass`: reads a password without showing it.

use crate::failure::Failure;
use crate::prompt::PlainPrompt;
use reedline::{Highlighter, Reedline, Signal, StyledText};
use std::io::{BufRead, IsTerminal};

/// Asks for the password; a line of standard input when that is no terminal.
pub(crate) fn ask() -> Result<Vec<u8>, Failure> {
    if !std::io::stdin().is_terminal() {
        let mut line = Vec::new();
        std::io::stdin().lock().read_until(b'\n', &mut line)?;
        while matches!(line.last(), Some(b'\n' | b'\r')) {
            line.pop();
        }
        return Ok(line);
    }
    let mut editor = Reedline::create().with_highlighter(Box::new(Mask));
    let signal = editor.read_line(&PlainPrompt("Please input password: "));
    match signal.map_err(|error| Failure::message(format!("Error: {error}")))? {
        Signal::Success(password) => Ok(password.into_bytes()),
        _ => Err(Failure::message("No password given")),
    }
}

/// Shows a star for every character.
struct Mask;

impl Highlighter for Mask {
    #[expect(clippy::default_trait_access, reason = "the editor does not export the name of the type")]
    fn highlight(&self, line: &str, _cursor: usize) -> StyledText {
        let mut text = StyledText::new();
        text.push((Default::default(), "*".repeat(line.chars().count())));
        text
    }
}
