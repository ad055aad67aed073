//! What must hold for any glob pattern and text: the answer of the definition, which is told here a second time as a table of
//! which beginnings of the text the elements read so far can match.

use stdx::glob::{Case, matches};

/// The longest pattern and text for which the table is filled.
const LONGEST: usize = 512;

/// Panics if a glob misbehaves; the first line is the pattern, the rest the text.
pub(crate) fn check(bytes: &[u8]) {
    let at = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (pattern, text) = (&bytes[..at], bytes.get(at + 1..).unwrap_or_default());
    let found = matches(pattern, text, Case::Sensitive);
    let _ = matches(pattern, text, Case::Insensitive);
    // An empty text follows a rule of its own, see `stdx::glob`.
    if !text.is_empty() && pattern.len().max(text.len()) <= LONGEST {
        assert_eq!(found, by_table(pattern, text));
    }
}

/// `reached[n]`: the elements so far match the first `n` bytes.
fn by_table(mut pattern: &[u8], text: &[u8]) -> bool {
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    while !pattern.is_empty() {
        let (element, rest) = split_element(pattern);
        if element == b"*" {
            let first = reached.iter().position(|&yes| yes).unwrap_or(reached.len());
            reached[first..].fill(true);
        } else {
            for at in (0..text.len()).rev() {
                reached[at + 1] = reached[at] && takes(element, text[at]);
            }
            reached[0] = false;
        }
        pattern = rest;
    }
    reached[text.len()]
}

/// The first element of a pattern and what follows.
fn split_element(pattern: &[u8]) -> (&[u8], &[u8]) {
    let length = match pattern {
        [b'\\', _, ..] => 2,
        [b'[', class @ ..] => 1 + class_length(class),
        _ => 1,
    };
    pattern.split_at(length)
}

/// The bytes of a class behind its `[`, the `]` included.
fn class_length(class: &[u8]) -> usize {
    let mut at = usize::from(class.first() == Some(&b'^'));
    while at < class.len() {
        at += match class[at..] {
            [b'\\', _, ..] => 2,
            [b']', ..] => return at + 1,
            [_, b'-', _, ..] => 3,
            _ => 1,
        };
    }
    class.len()
}

/// Whether an element other than `*` takes a byte.
fn takes(element: &[u8], byte: u8) -> bool {
    match element {
        b"?" => true,
        [b'\\', escaped] => *escaped == byte,
        [b'[', b'^', members @ ..] => !contains(members, byte),
        [b'[', members @ ..] => contains(members, byte),
        _ => element[0] == byte,
    }
}

/// Whether the members of a class, its `]` among them if it has one, hold a byte.
fn contains(mut members: &[u8], byte: u8) -> bool {
    loop {
        let (found, rest) = match members {
            [] | [b']', ..] => return false,
            [b'\\', escaped, rest @ ..] => (*escaped == byte, rest),
            [from, b'-', to, rest @ ..] => ((*from.min(to)..=*from.max(to)).contains(&byte), rest),
            [member, rest @ ..] => (*member == byte, rest),
        };
        if found {
            return true;
        }
        members = rest;
    }
}
