//! Files in the syntax of redis.conf: one directive a line, `#` at the start of a line for a comment.

use crate::source::{Directive, LoadError, Place};
use crate::split::split;

/// The directives of a file. `place` makes the place from a line number.
pub(crate) fn parse(content: &[u8], place: &dyn Fn(usize) -> Place) -> Result<Vec<Directive>, LoadError> {
    let mut directives = Vec::new();
    // Editors of another system may begin a file with a byte order mark.
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    for (index, line) in content.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line[0] == b'#' {
            continue;
        }
        let text = String::from_utf8_lossy(line).into_owned();
        let at = || place(index + 1);
        let Some(mut words) = split(line) else {
            return Err(LoadError {
                place: at(),
                // The line may hold a password, so only its first word is shown.
                directive: text.split_whitespace().next().unwrap_or_default().to_owned(),
                reason: "Unbalanced quotes in configuration line".to_owned(),
                remedy: "close the quote and separate words by spaces".to_owned(),
            });
        };
        let name = String::from_utf8_lossy(&words.remove(0)).to_ascii_lowercase();
        directives.push(Directive { name, words, text, place: at() });
    }
    Ok(directives)
}
