//! Is the end of a file torn, or is something before it damaged?
//!
//! Both look alike to a reader that goes forward: it waits for bytes that never come. If one digit of a length is
//! wrong, the command at hand swallows all that follow, and cutting the file there would lose them. So the bytes that
//! were left over are searched for commands: if from some line on they are whole commands up to the very end, the
//! file was not torn inside the first one.

use resp::{Decoded, RequestDecoder};

use super::reader::LIMITS;

/// Lines from which commands are tried.
const MAX_TRIES: usize = 1000;
/// Bytes that may be looked at for each byte there is, so that the search stays linear.
const MAX_PASSES: usize = 8;

/// Whether bytes that begin with half a command end with whole ones.
pub(super) fn holds_commands(rest: &[u8]) -> bool {
    let mut budget = rest.len().saturating_mul(MAX_PASSES);
    let starts = line_starts(rest).take(MAX_TRIES);
    for start in starts {
        let (seen, reaches_end) = commands_from(&rest[start..]);
        if reaches_end {
            return true;
        }
        match budget.checked_sub(seen) {
            Some(left) => budget = left,
            None => return false,
        }
    }
    false
}

/// Where lines begin that may be the first of a command.
fn line_starts(rest: &[u8]) -> impl Iterator<Item = usize> {
    rest.windows(2).enumerate().filter(|(_, pair)| *pair == b"\n*").map(|(at, _)| at + 1)
}

/// Reads commands; returns the bytes looked at, and whether the commands end where the bytes do.
fn commands_from(bytes: &[u8]) -> (usize, bool) {
    let mut args = Vec::new();
    let mut at = 0;
    while bytes.get(at) == Some(&b'*') {
        args.clear();
        match RequestDecoder::new().decode(&bytes[at..], &LIMITS, &mut args) {
            Ok(Decoded::Request { consumed }) => at += consumed,
            _ => break,
        }
    }
    (at + 1, at > 0 && at == bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_count_only_if_they_reach_the_end() {
        let command = b"*1\r\n$4\r\nPING\r\n";
        let half = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$999\r\n";
        assert!(!holds_commands(b""));
        assert!(!holds_commands(half));
        assert!(holds_commands(&[&half[..], command].concat()));
        assert!(holds_commands(&[&half[..], command, command].concat()));
        // A value that holds commands, torn inside of one.
        assert!(!holds_commands(&[&half[..], command, &command[..9]].concat()));
        // The first command itself does not count.
        assert!(!holds_commands(command));
    }

    #[test]
    fn nested_beginnings_do_not_make_the_search_slow() {
        let rest = b"*1\r\n$9\r\n\n".repeat(20_000);
        assert!(!holds_commands(&rest));
    }
}
