//! The command line of redis-server: an optional file, options as `--name value ...`, and `-` for standard input.
//!
//! What belongs to an option: everything up to the next argument that begins with `--`. The first argument after a name always
//! belongs to it, even if it begins with `--`, except after `--save`, which may stand without a value. The first name may stand
//! without its `--`, as redis-server lets it.

use crate::source::{Directive, LoadError, Place};
use crate::split::split;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CommandLine {
    Version,
    Help,
    CheckSystem,
    TestMemory { megabytes: u64 },
    Start { file: Option<String>, stdin: bool, options: Vec<Directive> },
}

/// Reads the arguments, without the name of the program.
pub(crate) fn parse(arguments: &[String]) -> Result<CommandLine, LoadError> {
    let first = arguments.first().map_or("", String::as_str);
    match first {
        "-v" | "--version" => return Ok(CommandLine::Version),
        "-h" | "--help" => return Ok(CommandLine::Help),
        "--check-system" => return Ok(CommandLine::CheckSystem),
        "--test-memory" => {
            let megabytes = arguments.get(1).and_then(|text| text.parse().ok()).filter(|&number| number > 0);
            return megabytes.map(|megabytes| CommandLine::TestMemory { megabytes }).ok_or_else(|| {
                refused(
                    first,
                    "the amount of memory to test is missing",
                    "give it in megabytes: --test-memory 4096",
                )
            });
        }
        _ => {}
    }
    let file = (!first.is_empty() && !first.starts_with('-')).then(|| first.to_owned());
    let rest = &arguments[usize::from(file.is_some())..];
    let mut stdin = false;
    let mut options: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut wants_value = false;
    for (index, argument) in rest.iter().enumerate() {
        let is_last = index + 1 == rest.len();
        if argument == "-" && (index == 0 || is_last) {
            stdin = true;
        } else if let Some(option) = argument.strip_prefix("--").filter(|_| !wants_value) {
            // Name and value may come in one argument: `--port 7000` or `"--save 900 1"`.
            let words = split(option.as_bytes()).filter(|words| !words.is_empty());
            let mut words =
                words.ok_or_else(|| refused(argument, "Bad directive or wrong number of arguments", ""))?;
            wants_value = words.len() == 1;
            let next_is_option = rest.get(index + 1).is_none_or(|next| next.starts_with("--"));
            if words == [b"save"] && next_is_option {
                words.push(Vec::new());
                wants_value = false;
            } else if words == [b"sentinel"] {
                wants_value = false;
            }
            options.push(words);
        } else if let Some(option) = options.last_mut() {
            option.push(argument.as_bytes().to_vec());
            wants_value = false;
        } else {
            options.push(vec![argument.as_bytes().to_vec()]);
        }
    }
    let directive = |mut words: Vec<Vec<u8>>| {
        let name = String::from_utf8_lossy(&words.remove(0)).into_owned();
        Directive::from_words(&name, words, Place::CommandLine)
    };
    Ok(CommandLine::Start { file, stdin, options: options.into_iter().map(directive).collect() })
}

fn refused(argument: &str, reason: &str, remedy: &str) -> LoadError {
    LoadError {
        place: Place::CommandLine,
        directive: argument.to_owned(),
        reason: reason.to_owned(),
        remedy: remedy.to_owned(),
    }
}
