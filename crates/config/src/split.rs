//! Splitting a line into words and quoting a word, by the rules of redis.conf.
//!
//! Words are separated by white space. `"..."` knows the escapes `\n \r \t \b \a \xHH` and `\` before any other byte; `'...'`
//! knows only `\'`. A quote opens at the start of a word or in it, and white space or the end must follow where it closes.

use stdx::quote::write_quoted;

/// The words of a line; `None` when quotes do not balance.
pub(crate) fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii_start();
    while !rest.is_empty() {
        let (word, after) = take_word(rest)?;
        words.push(word);
        rest = after.trim_ascii_start();
    }
    Some(words)
}

/// The first word of `text`, which is not empty, and what follows.
fn take_word(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' | b'\'' => {
                at += 1 + take_quoted(&text[at + 1..], byte, &mut word)?;
                // What follows a closing quote must separate.
                if text.get(at).is_some_and(|byte| !byte.is_ascii_whitespace()) {
                    return None;
                }
            }
            _ if byte.is_ascii_whitespace() => break,
            _ => {
                word.push(byte);
                at += 1;
            }
        }
    }
    Some((word, &text[at..]))
}

/// Appends what stands before the closing quote to `word`; returns how many bytes that took, with the quote.
fn take_quoted(text: &[u8], quote: u8, word: &mut Vec<u8>) -> Option<usize> {
    let mut at = 0;
    loop {
        let (byte, length) = match &text[at..] {
            [] => return None,
            [b'\\', b'\'', ..] if quote == b'\'' => (b'\'', 2),
            [b'\\', b'x', high, low, ..]
                if quote == b'"' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (hex(*high) << 4 | hex(*low), 4)
            }
            [b'\\', escaped, ..] if quote == b'"' => (unescape(*escaped), 2),
            [byte, ..] if *byte == quote => return Some(at + 1),
            [byte, ..] => (*byte, 1),
        };
        word.push(byte);
        at += length;
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase() - b'a' + 10,
    }
}

fn unescape(letter: u8) -> u8 {
    match letter {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    }
}

/// A word in double quotes, printable, such that `split` gives it back.
pub(crate) fn quote(word: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(word.len() + 2);
    write_quoted(&mut quoted, word);
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_split_by_the_rules_of_redis() {
        let cases: [(&str, Option<&[&str]>); 10] = [
            ("", Some(&[])),
            ("  a  b\t c ", Some(&["a", "b", "c"])),
            (r#"save "" "#, Some(&["save", ""])),
            (r#""a b" 'c d'"#, Some(&["a b", "c d"])),
            (r#""\x41\n\q\"" "#, Some(&["A\nq\""])),
            (r"'it\'s \n'", Some(&["it's \\n"])),
            (r#"a"b c""#, Some(&["ab c"])),
            (r#""a"b"#, None),
            (r#""open"#, None),
            (r"'open", None),
        ];
        for (line, expected) in cases {
            let words = split(line.as_bytes());
            let expected =
                expected.map(|words| words.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>());
            assert_eq!(words, expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn a_quoted_word_splits_back_into_itself(words in proptest::collection::vec(any::<Vec<u8>>(), 0..5)) {
            let line = words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(&b' ');
            prop_assert_eq!(split(&line), Some(words));
        }
    }
}
