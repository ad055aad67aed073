//! Glob patterns as `KEYS`, `SCAN MATCH`, `PSUBSCRIBE` and ACL rules use them.
//!
//! | pattern | matches |
//! |---|---|
//! | `*` | any bytes, also none |
//! | `?` | one byte |
//! | `[abc]`, `[a-z]`, `[^a]` | one byte (not) in the class; a class without `]` ends with the pattern |
//! | `\x` | the byte `x` itself, also inside a class |
//!
//! Every element but `*` takes exactly one byte, so a mismatch needs to go back to the last `*` only, never to an earlier
//! one. That bounds the work by pattern length times text length without recursion, whatever a hostile pattern looks like.
//!
//! Two peculiarities of Redis are kept: an empty text is matched by the empty pattern and by `*` alone, not by `**` or `*?*`,
//! and an escaped byte inside a class ignores `Case::Insensitive`. Ranges compare unsigned bytes; Redis on x86 compares
//! signed ones, which turns `[a-\xff]` into nonsense.

/// Whether ASCII letters of either case are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `a` and `A` differ.
    Sensitive,
    /// `a` and `A` are equal.
    Insensitive,
}

/// Whether the whole of `text` matches `pattern`.
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    if text.is_empty() {
        return matches!(pattern, b"" | b"*");
    }
    let (mut at_pattern, mut at_text) = (0, 0);
    // Where to go on after a mismatch: behind the last star, which then swallows one byte more.
    let mut retry: Option<(usize, usize)> = None;
    while at_text < text.len() {
        if pattern.get(at_pattern) == Some(&b'*') {
            at_pattern += 1;
            if at_pattern == pattern.len() {
                return true;
            }
            retry = Some((at_pattern, at_text));
            continue;
        }
        if let Some(next) = match_one(pattern, at_pattern, text[at_text], case) {
            at_pattern = next;
            at_text += 1;
        } else if let Some((after_star, swallowed_to)) = retry {
            at_pattern = after_star;
            at_text = swallowed_to + 1;
            retry = Some((after_star, at_text));
        } else {
            return false;
        }
    }
    pattern[at_pattern..].iter().all(|&byte| byte == b'*')
}

/// Matches the element at `pattern[at]`, which is no star, against one byte: where the next element begins, or `None`.
#[inline]
fn match_one(pattern: &[u8], at: usize, byte: u8, case: Case) -> Option<usize> {
    match *pattern.get(at)? {
        b'?' => Some(at + 1),
        b'[' => match_class(pattern, at + 1, byte, case),
        b'\\' if at + 1 < pattern.len() => equal(pattern[at + 1], byte, case).then_some(at + 2),
        literal => equal(literal, byte, case).then_some(at + 1),
    }
}

/// Matches a class whose first byte after `[` is at `at`.
fn match_class(pattern: &[u8], mut at: usize, byte: u8, case: Case) -> Option<usize> {
    let negated = pattern.get(at) == Some(&b'^');
    at += usize::from(negated);
    let mut found = false;
    loop {
        match pattern[at..] {
            [] => break,
            [b'\\', escaped, ..] => {
                found |= escaped == byte;
                at += 2;
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [from, b'-', to, ..] => {
                found |= in_range(from, to, byte, case);
                at += 3;
            }
            [member, ..] => {
                found |= equal(member, byte, case);
                at += 1;
            }
        }
    }
    (found != negated).then_some(at)
}

/// Whether `byte` lies between two bounds, which may be given in either order.
fn in_range(from: u8, to: u8, byte: u8, case: Case) -> bool {
    let (low, high) = (from.min(to), from.max(to));
    match case {
        Case::Sensitive => (low..=high).contains(&byte),
        Case::Insensitive => {
            (low.to_ascii_lowercase()..=high.to_ascii_lowercase()).contains(&byte.to_ascii_lowercase())
        }
    }
}

#[inline]
fn equal(left: u8, right: u8, case: Case) -> bool {
    match case {
        Case::Sensitive => left == right,
        Case::Insensitive => left.eq_ignore_ascii_case(&right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(pattern: &str, matching: &[&str], other: &[&str]) {
        for text in matching {
            assert!(
                matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive),
                "{pattern} should match {text}"
            );
        }
        for text in other {
            assert!(
                !matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive),
                "{pattern} matches {text}"
            );
        }
    }

    #[test]
    fn elements_match_what_the_documentation_says() {
        check("h?llo", &["hello", "hallo", "hxllo"], &["hllo", "heello"]);
        check("h*llo", &["hllo", "heeeello"], &["hllox", "xhllo"]);
        check("h[ae]llo", &["hello", "hallo"], &["hillo"]);
        check("h[^e]llo", &["hallo", "hbllo"], &["hello"]);
        check("h[a-b]llo", &["hallo", "hbllo"], &["hcllo"]);
        check("h[b-a]llo", &["hallo", "hbllo"], &["hcllo"]);
        check(r"h\?llo", &["h?llo"], &["hello"]);
        check("a*b*c", &["abc", "aXbYc", "abcbc"], &["ab", "acb"]);
        check("**a**", &["a", "xax"], &["x"]);
    }

    #[test]
    fn odd_classes_and_escapes_follow_redis() {
        check("[abc", &["a", "c"], &["d", "["]);
        check("[", &[], &["[", "a"]);
        check("[^", &["a", "^"], &[]);
        check(r"[\]]", &["]"], &["\\"]);
        check(r"[a\", &["a", "\\"], &["b"]);
        check(r"a\", &["a\\"], &["a", "ab"]);
        check("[a-", &["a", "-"], &["b"]);
        check("[a-]]", &["a", "]", "^"], &["a]", "b"]);
        check("[]a", &[], &["a", "]a"]);
    }

    #[test]
    fn an_empty_text_is_matched_by_the_empty_pattern_and_by_a_lone_star() {
        check("", &[""], &["a"]);
        check("*", &["", "a"], &[]);
        check("**", &["a"], &[""]);
    }

    #[test]
    fn letters_of_either_case_are_equal_on_request() {
        for (pattern, text, expected) in [
            ("ABC", "abc", true),
            ("a[B-D]e", "aCe", true),
            ("a[b-d]e", "aCE", true),
            ("[XYZ]", "y", true),
            (r"[\X]", "x", false),
            ("a?c", "A1D", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes(), Case::Insensitive),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn hostile_patterns_take_bounded_time() {
        let stars = "a*".repeat(50_000) + "b";
        assert!(!matches(stars.as_bytes(), &[b'a'; 40], Case::Sensitive));
        let pairs = "*?".repeat(50_000);
        assert!(matches(pairs.as_bytes(), &vec![b'a'; 50_000], Case::Sensitive));
        assert!(!matches(pairs.as_bytes(), &vec![b'a'; 49_999], Case::Sensitive));
    }

    /// The definition, by recursion over the pattern.
    fn by_definition(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', rest @ ..] => (0..=text.len()).any(|n| by_definition(rest, &text[n..])),
            _ => text.first().is_some_and(|&byte| {
                match_one(pattern, 0, byte, Case::Sensitive)
                    .is_some_and(|next| by_definition(&pattern[next..], &text[1..]))
            }),
        }
    }

    proptest! {
        #[test]
        fn going_back_to_the_last_star_is_enough(pattern in r"[ab*?\[\]\\^-]{0,9}", text in "[ab]{1,8}") {
            prop_assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive),
                by_definition(pattern.as_bytes(), text.as_bytes())
            );
        }
    }
}
