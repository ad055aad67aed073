//! `--eval FILE key ... , argument ...`: a script from a file.

use crate::failure::{Failure, system_text};
use std::path::Path;

/// The EVAL command for a script file. Words before a lone comma are keys, those behind it arguments.
pub(super) fn command(path: &Path, words: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Failure> {
    let script = std::fs::read(path).map_err(|error| {
        Failure::message(format!("Can't open file '{}': {}", path.display(), system_text(&error)))
    })?;
    Ok(with_script(script, words))
}

fn with_script(script: Vec<u8>, mut words: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let comma = words.iter().position(|word| word == b",");
    let keys = comma.unwrap_or(words.len());
    if let Some(comma) = comma {
        words.remove(comma);
    }
    let mut args = vec![b"EVAL".to_vec(), script, keys.to_string().into_bytes()];
    args.append(&mut words);
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &[&str], expected: &[&str]) {
        let words = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        let args = with_script(b"script".to_vec(), words);
        assert_eq!(args, expected.iter().map(|word| word.as_bytes()).collect::<Vec<_>>());
    }

    #[test]
    fn a_comma_separates_keys_from_arguments() {
        check(&["k", ",", "a", ","], &["EVAL", "script", "1", "k", "a", ","]);
        check(&["a", "b"], &["EVAL", "script", "2", "a", "b"]);
        check(&[",", "a"], &["EVAL", "script", "0", "a"]);
        check(&[], &["EVAL", "script", "0"]);
    }

    #[test]
    fn a_missing_file_is_named() {
        let failure = command(Path::new("/nonexistent/script.lua"), vec![]).expect_err("no such file");
        assert!(failure.to_string().starts_with("Can't open file '/nonexistent/script.lua': "), "{failure}");
    }
}
