//! The words of a command, quoted as in redis-cli, with a notation for long ones: `{a*500}` is 500 times `a`.

/// Splits a command into its words; `None` if a quote is never closed or an escape is cut short.
pub(crate) fn split(line: &str) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start_matches(' ');
    while !rest.is_empty() {
        let (word, behind) = take_word(rest)?;
        words.push(word);
        rest = behind.trim_start_matches(' ');
    }
    Some(words)
}

/// A word of bare and quoted pieces, up to the next blank.
fn take_word(mut rest: &str) -> Option<(Vec<u8>, &str)> {
    let mut word = Vec::new();
    while let Some(first) = rest.chars().next().filter(|&character| character != ' ') {
        if first == '"' {
            rest = take_quoted(&rest[1..], &mut word)?;
        } else if let Some((piece, count, behind)) = repetition(rest) {
            word.extend(piece.as_bytes().repeat(count));
            rest = behind;
        } else {
            let (piece, behind) = rest.split_at(first.len_utf8());
            word.extend_from_slice(piece.as_bytes());
            rest = behind;
        }
    }
    Some((word, rest))
}

/// The text up to the closing quote; returns what stands behind it.
fn take_quoted<'a>(mut rest: &'a str, word: &mut Vec<u8>) -> Option<&'a str> {
    loop {
        let first = rest.chars().next()?;
        let (piece, behind) = rest.split_at(first.len_utf8());
        rest = behind;
        match first {
            '"' => return Some(rest),
            '\\' => {
                let escape = rest.chars().next()?;
                if escape == 'x' {
                    word.push(u8::from_str_radix(rest.get(1..3)?, 16).ok()?);
                    rest = &rest[3..];
                } else {
                    push_escape(escape, word);
                    rest = &rest[escape.len_utf8()..];
                }
            }
            _ => word.extend_from_slice(piece.as_bytes()),
        }
    }
}

fn push_escape(escape: char, word: &mut Vec<u8>) {
    let byte = match escape {
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'b' => 0x08,
        'a' => 0x07,
        other => return word.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
    };
    word.push(byte);
}

/// `{piece*count}` at the beginning of `text`: piece, count and what stands behind.
fn repetition(text: &str) -> Option<(&str, usize, &str)> {
    let (inner, behind) = text.strip_prefix('{')?.split_once('}')?;
    let (piece, count) = inner.split_once('*')?;
    let is_plain = !piece.is_empty() && !piece.contains('{');
    let count = count.parse().ok().filter(|_| is_plain)?;
    Some((piece, count, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &[&[u8]]) {
        assert_eq!(split(line).expect("the line is well formed"), expected, "{line}");
    }

    #[test]
    fn quotes_keep_blanks_and_resolve_escapes() {
        check(r#"SET  key "a b\x00\n\"\\" "" "#, &[b"SET", b"key", b"a b\0\n\"\\", b""]);
        check("GET \u{e9}", &[b"GET", "\u{e9}".as_bytes()]);
    }

    #[test]
    fn a_repetition_stands_for_a_long_word_and_braces_of_other_kinds_for_themselves() {
        check("SET {k}1 x{ab*3}y", &[b"SET", b"{k}1", b"xabababy"]);
        check(r#""{a*3}" {*} {a*}"#, &[b"{a*3}", b"{*}", b"{a*}"]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_refused() {
        for line in ["\"", "a \"b", r#""\"#, r#""\x4"#, r#""\xgg""#] {
            assert_eq!(split(line), None, "{line}");
        }
    }
}
