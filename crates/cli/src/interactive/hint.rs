//! The grey text behind the cursor: what the command that is being typed still takes.
//!
//! The words typed so far are matched against the command's arguments. Optional arguments may come in any order and are
//! known by their tokens; they vanish from the hint once typed.

use super::Shared;
use super::docs::{Argument, Docs, Kind};
use crate::line;
use reedline::{Hinter, History};
use std::sync::Arc;

/// The longest hint; more would push the line off the screen.
const MAX_HINT_CHARACTERS: usize = 512;

/// Shows the syntax of commands.
pub(super) struct SyntaxHinter {
    shared: Arc<Shared>,
}

impl SyntaxHinter {
    /// A hinter for the connected server's commands.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl Hinter for SyntaxHinter {
    fn handle(&mut self, line: &str, pos: usize, _history: &dyn History, ansi: bool, _cwd: &str) -> String {
        let knowledge = self.shared.knowledge();
        if !knowledge.hints || pos != line.len() {
            return String::new();
        }
        let hint = hint(&knowledge.docs, line);
        if ansi && !hint.is_empty() { format!("\x1b[90m{hint}\x1b[0m") } else { hint }
    }

    fn complete_hint(&self) -> String {
        // The hint is a description; it must not be inserted as text.
        String::new()
    }

    fn next_hint_token(&self) -> String {
        String::new()
    }
}

/// What follows `line`, with the blank that it still needs.
fn hint(docs: &Docs, line: &str) -> String {
    let Some(words) = line::words(line.as_bytes()) else { return String::new() };
    let Some((name_words, doc)) = docs.find(&words) else { return String::new() };
    let rest = remaining(&doc.arguments, &mut &words[name_words..]);
    if rest.is_empty() {
        return String::new();
    }
    let separator = if line.ends_with(char::is_whitespace) { "" } else { " " };
    format!("{separator}{}", rest.join(" ")).chars().take(MAX_HINT_CHARACTERS).collect()
}

/// The arguments that `words` leave open, as text.
fn remaining(arguments: &[Argument], words: &mut &[Vec<u8>]) -> Vec<String> {
    let mut open: Vec<Argument> = arguments.to_vec();
    let mut begun = Vec::new();
    while let Some(word) = words.first() {
        // Everything up to the first argument that must come may come now.
        let required = open.iter().position(|argument| !argument.optional);
        let reachable = &open[..required.map_or(open.len(), |index| index + 1)];
        let by_token = reachable.iter().position(|argument| argument.begins_with(word));
        let Some(index) = by_token.or_else(|| reachable.iter().position(Argument::takes_any_word)) else {
            break;
        };
        begun = open[index].consume(words);
        if open[index].multiple {
            // Any number may follow, none must.
            open[index].optional = true;
        } else {
            open.remove(index);
        }
    }
    begun.extend(open.iter().map(syntax));
    begun
}

fn syntax(argument: &Argument) -> String {
    let mut out = String::new();
    // What may be repeated and has been given once is shown as such only.
    let repeated = argument.multiple && argument.optional && argument.token.is_none();
    if repeated {
        let once = Argument { multiple: false, optional: false, ..argument.clone() };
        once.write(&mut out);
        return format!("[{out} ...]");
    }
    argument.write(&mut out);
    out
}

impl Argument {
    /// Whether `word` is the token that this argument begins with.
    fn begins_with(&self, word: &[u8]) -> bool {
        match (&self.token, &self.kind) {
            (Some(token), _) => token.as_bytes().eq_ignore_ascii_case(word),
            (None, Kind::OneOf(children)) => children.iter().any(|child| child.begins_with(word)),
            (None, Kind::Block(children)) => children.first().is_some_and(|child| child.begins_with(word)),
            (None, _) => false,
        }
    }

    /// Whether any word can be its beginning.
    fn takes_any_word(&self) -> bool {
        match (&self.token, &self.kind) {
            (Some(_), _) | (None, Kind::Token) => false,
            (None, Kind::Value) => true,
            (None, Kind::OneOf(children)) => children.iter().any(Self::takes_any_word),
            (None, Kind::Block(children)) => children.first().is_some_and(Self::takes_any_word),
        }
    }

    /// Takes its words off `words`, and gives the text of those that have still to come.
    fn consume(&self, words: &mut &[Vec<u8>]) -> Vec<String> {
        if self.token.is_some() {
            take_word(words);
        }
        match &self.kind {
            Kind::Token => Vec::new(),
            Kind::Value if words.is_empty() => vec![self.name.clone()],
            Kind::Value => {
                take_word(words);
                Vec::new()
            }
            Kind::OneOf(children) => {
                let Some(word) = words.first() else {
                    let once = Self { token: None, multiple: false, optional: false, ..self.clone() };
                    return vec![syntax(&once)];
                };
                let child = children
                    .iter()
                    .find(|child| child.begins_with(word))
                    .or_else(|| children.iter().find(|child| child.takes_any_word()));
                if let Some(child) = child {
                    child.consume(words)
                } else {
                    take_word(words);
                    Vec::new()
                }
            }
            Kind::Block(children) => remaining(children, words),
        }
    }
}

fn take_word(words: &mut &[Vec<u8>]) {
    *words = words.get(1..).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactive::docs::tests::sample;

    fn check(line: &str, expected: &str) {
        assert_eq!(hint(&sample(), line), expected, "{line:?}");
    }

    #[test]
    fn a_hint_shows_what_has_still_to_be_typed() {
        check("set", " key value [NX | XX] [EX seconds | KEEPTTL]");
        check("SET ", "key value [NX | XX] [EX seconds | KEEPTTL]");
        check("set k", " value [NX | XX] [EX seconds | KEEPTTL]");
        check("set nx v", " [NX | XX] [EX seconds | KEEPTTL]");
        check("set k v ex", " seconds [NX | XX]");
        check("set k v ex 5 ", "[NX | XX]");
        check("set k v xx ex 5", "");
    }

    #[test]
    fn repeated_arguments_stay_open() {
        check("mset a", " value [key value ...]");
        check("mset a 1", " [key value ...]");
        check("mset a 1 b 2 ", "[key value ...]");
        check("blpop a b", " [key ...] timeout");
        check("ping", " [message]");
        check("config get", " parameter");
    }

    #[test]
    fn unknown_commands_and_unmatched_quotes_have_no_hint() {
        for line in ["", " ", "se", "nothing at all", "set \"a"] {
            check(line, "");
        }
    }
}
