//! A line of input as a command: words, quotes, and a number in front that repeats it.

use resp::request::split_args;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Nothing.
    Empty,
    /// Something whose quotes do not match.
    Unbalanced,
    /// A command.
    Command {
        /// How often to send it, if the line says so.
        repeat: Option<u64>,
        /// Its words.
        args: Vec<Vec<u8>>,
    },
}

/// Parses a line, with its end or without.
pub(crate) fn parse(line: &[u8]) -> Line {
    let Some(mut args) = words(line) else { return Line::Unbalanced };
    if args.is_empty() {
        return Line::Empty;
    }
    let number = std::str::from_utf8(&args[0]).ok().and_then(|word| word.parse::<u64>().ok());
    let repeat = number.filter(|times| *times > 0 && args.len() > 1);
    if repeat.is_some() {
        args.remove(0);
    }
    Line::Command { repeat, args }
}

/// The words of a line, `None` when quotes do not match.
pub(crate) fn words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut ranges = Vec::new();
    let text = split_args(line, &mut ranges)?;
    Some(ranges.into_iter().map(|range| text[range].to_vec()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, repeat: Option<u64>, expected: &[&str]) {
        let args = expected.iter().map(|word| word.as_bytes().to_vec()).collect();
        assert_eq!(parse(line.as_bytes()), Line::Command { repeat, args }, "{line:?}");
    }

    #[test]
    fn a_number_in_front_repeats_the_command() {
        check("3 ping\r\n", Some(3), &["ping"]);
        check("get \"a b\\x41\" 'c'", None, &["get", "a bA", "c"]);
        check("3", None, &["3"]);
        check("0 ping", None, &["0", "ping"]);
    }

    #[test]
    fn nothing_and_unmatched_quotes_are_told_apart() {
        assert_eq!(parse(b" \t\r\n"), Line::Empty);
        assert_eq!(parse(b"get \"a\n"), Line::Unbalanced);
    }
}
