//! The words of rules: what may stand in a name or a pattern, and how the parts of a selector come together.

use std::borrow::Cow;

/// White space as C's `isspace` has it.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Whether a text has white space or NUL bytes, which names and patterns must not have: they could not be told apart when
/// rules are written as text.
pub(crate) fn has_spaces(text: &[u8]) -> bool {
    text.iter().any(|&byte| is_space(byte) || byte == 0)
}

/// The rules among the words of a request or a line: a selector, from `(` to `)`, may be spread over several. `Err`: the
/// word with the parenthesis that is not closed.
pub(crate) fn merge<'a>(words: &[&'a [u8]]) -> Result<Vec<Cow<'a, [u8]>>, &'a [u8]> {
    let mut rules = Vec::with_capacity(words.len());
    let mut open: Option<(&[u8], Vec<u8>)> = None;
    for &word in words {
        match &mut open {
            None if word.first() == Some(&b'(') && word.last() != Some(&b')') => {
                open = Some((word, word.to_vec()));
            }
            None => rules.push(Cow::Borrowed(word)),
            Some((_, selector)) => {
                selector.push(b' ');
                selector.extend_from_slice(word);
                if word.last() == Some(&b')') {
                    rules.push(Cow::Owned(std::mem::take(selector)));
                    open = None;
                }
            }
        }
    }
    match open {
        Some((word, _)) => Err(word),
        None => Ok(rules),
    }
}
