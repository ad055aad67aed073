//! One command from the command line, once or again and again.

use crate::clock;
use crate::failure::Failure;
use crate::options::{Options, StandardInput};
use crate::printer::Printer;
use crate::session::Streaming;
use std::io::Read;
use std::process::ExitCode;

/// The words of the command, with what is to be read from standard input.
pub(super) fn complete(
    mut args: Vec<Vec<u8>>,
    input: &StandardInput,
    stdin: &mut dyn Read,
) -> Result<Vec<Vec<u8>>, Failure> {
    let mut text = Vec::new();
    match input {
        StandardInput::Unused => {}
        StandardInput::LastArgument => {
            stdin.read_to_end(&mut text)?;
            args.push(text);
        }
        StandardInput::Tagged(tag) => {
            let slot = args.iter_mut().find(|word| *word == tag);
            let slot = slot.ok_or_else(|| Failure::message("Using -X option but stdin tag not match."))?;
            stdin.read_to_end(&mut text)?;
            *slot = text;
        }
    }
    Ok(args)
}

/// Sends the command as often as asked.
pub(super) fn run(options: &Options, args: &[Vec<u8>]) -> Result<ExitCode, Failure> {
    let mut session = super::connect(options)?;
    let printer = Printer::new(options);
    let is_shutdown = args[0].eq_ignore_ascii_case(b"shutdown");
    let mut sent = 0_u64;
    while options.repeat.is_none_or(|times| sent < times) {
        match printer.execute(&mut session, args) {
            Ok(true) if options.exit_on_error => return Ok(ExitCode::FAILURE),
            Ok(_) => {}
            // A server that shuts down says so by closing the connection.
            Err(Failure::Connection(client::Error::Closed)) if is_shutdown => return Ok(ExitCode::SUCCESS),
            Err(failure) => return Err(failure),
        }
        if session.state().streaming != Streaming::Nothing {
            printer.follow(&mut session)?;
        }
        clock::pause(options.interval.unwrap_or_default());
        sent = sent.wrapping_add(1);
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Vec<Vec<u8>> {
        words.iter().map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn standard_input_becomes_the_last_or_the_tagged_argument() {
        let complete = |words: &[&str], input| complete(args(words), &input, &mut &b"text\n"[..]);
        let tag = || StandardInput::Tagged(b"TAG".to_vec());
        assert_eq!(
            complete(&["set", "k"], StandardInput::LastArgument).expect("read"),
            args(&["set", "k", "text\n"])
        );
        assert_eq!(complete(&["set", "TAG", "v"], tag()).expect("read"), args(&["set", "text\n", "v"]));
        assert_eq!(complete(&["set", "k"], StandardInput::Unused).expect("unread"), args(&["set", "k"]));
        let failure = complete(&["set", "k"], tag()).expect_err("no tag");
        assert_eq!(failure.to_string(), "Using -X option but stdin tag not match.");
    }
}
