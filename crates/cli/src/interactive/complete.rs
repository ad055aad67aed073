//! Completion with the tabulator: names of commands and subcommands, and topics behind `help`.

use super::Shared;
use super::docs::Docs;
use reedline::{Completer, CompletionResult, Span, Suggestion};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Words of the prompt itself.
const OWN_WORDS: [&str; 6] = [":set hints", ":set nohints", "clear", "connect", "help", "quit"];

/// Completes names of commands.
pub(super) struct CommandCompleter {
    shared: Arc<Shared>,
}

impl CommandCompleter {
    /// A completer for the connected server's commands.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl Completer for CommandCompleter {
    fn complete(&mut self, line: &str, pos: usize) -> CompletionResult {
        let typed = line.get(..pos).unwrap_or_default();
        let knowledge = self.shared.knowledge();
        let suggestions: Vec<Suggestion> = candidates(&knowledge.docs, typed)
            .into_iter()
            .map(|value| Suggestion {
                value,
                span: Span::new(0, pos),
                append_whitespace: true,
                ..Suggestion::default()
            })
            .collect();
        CompletionResult::fresh(suggestions)
    }
}

/// The lines that `typed` may become, in the case in which it was typed.
fn candidates(docs: &Docs, typed: &str) -> Vec<String> {
    let lower = typed.to_lowercase();
    if let Some(topic) = lower.strip_prefix("help ") {
        let groups: BTreeSet<String> = docs.iter().map(|(_, doc)| format!("@{}", doc.group)).collect();
        let names = docs.iter().map(|(name, _)| name.to_owned());
        return groups
            .into_iter()
            .filter(|group| group.len() > 1)
            .chain(names)
            .filter(|candidate| candidate.to_lowercase().starts_with(topic))
            .map(|candidate| format!("help {candidate}"))
            .collect();
    }
    let is_upper = typed.chars().any(char::is_uppercase);
    let wants_subcommand = typed.contains(' ');
    let commands = docs.iter().map(|(name, _)| name).filter(|name| name.contains(' ') == wants_subcommand);
    let own =
        OWN_WORDS.into_iter().filter(|word| word.contains(' ') == wants_subcommand || word.starts_with(':'));
    commands
        .map(|name| if is_upper { name.to_owned() } else { name.to_lowercase() })
        .chain(own.map(str::to_owned))
        .filter(|candidate| candidate.to_lowercase().starts_with(&lower))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactive::docs::tests::sample;

    fn check(typed: &str, expected: &[&str]) {
        assert_eq!(candidates(&sample(), typed), expected, "{typed:?}");
    }

    #[test]
    fn names_are_completed_in_the_case_in_which_they_were_begun() {
        check("se", &["set"]);
        check("SE", &["SET"]);
        check("c", &["config", "clear", "connect"]);
        check("config ", &["config get"]);
        check(":set n", &[":set nohints"]);
        check("x", &[]);
    }

    #[test]
    fn help_completes_groups_and_commands() {
        check("help @", &["help @string"]);
        check("help mse", &["help MSET"]);
    }
}
