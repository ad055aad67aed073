//! What is derived from a row: ACL categories, key specifications, and the tree of arguments in COMMAND DOCS.
//!
//! The arguments are parsed from the row's syntax, which is written as the documentation writes it: `[..]` is optional,
//! `<a | b>` and `[a | b]` are choices, `x [x ...]` repeats, words in capitals are literal.

use crate::command::{Channels, Command, Flags, Group, Keys};
use crate::reply::Reply;

/// The ACL categories of a command, by Redis's rules.
pub(crate) fn categories(command: &Command) -> Vec<&'static str> {
    let flags = command.flags;
    let mut found = command.categories.to_vec();
    let is_container = !command.subcommands.is_empty();
    found.extend(match command.group {
        _ if is_container => None,
        Group::Bitmap => Some("bitmap"),
        Group::Connection => Some("connection"),
        Group::Generic => Some("keyspace"),
        Group::Hash => Some("hash"),
        Group::HyperLogLog => Some("hyperloglog"),
        Group::List => Some("list"),
        Group::String => Some("string"),
        Group::Transactions => Some("transaction"),
        Group::PubSub | Group::Server => None,
    });
    let is_dangerous = flags.has(Flags::ADMIN) || flags.has(Flags::DANGEROUS);
    let by_flag = [
        (flags.has(Flags::WRITE), "write"),
        (flags.has(Flags::READONLY), "read"),
        (flags.has(Flags::ADMIN), "admin"),
        (flags.has(Flags::PUBSUB), "pubsub"),
        (is_dangerous, "dangerous"),
        (flags.has(Flags::FAST), "fast"),
        (!flags.has(Flags::FAST), "slow"),
    ];
    found.extend(by_flag.into_iter().filter(|(applies, _)| *applies).map(|(_, name)| name));
    found.sort_by_key(|name| acl::CATEGORIES.iter().position(|other| other == name));
    found
}

/// The key specifications of COMMAND INFO.
pub(super) fn write_key_specs(command: &Command, reply: &mut Reply<'_>) {
    if let Channels::Shard { last, .. } = command.channels {
        // What finds the node of a channel, but is no key.
        reply.set(1);
        return write_spec(reply, &["not_key"], 1, &Find::Range { last, step: 1 });
    }
    match command.keys {
        Keys::None => reply.set(0),
        Keys::Range { first, last, step, access } => {
            reply.set(1);
            let mut flags = access.flags().to_vec();
            flags.extend(command.access_by.map(|_| "variable_flags"));
            write_spec(reply, &flags, first, &Find::Range { last, step });
        }
        Keys::Counted { at, step, access } => {
            reply.set(1);
            write_spec(reply, access.flags(), at, &Find::Count { step });
        }
        Keys::Pair { first, second } => {
            reply.set(2);
            write_spec(reply, first.flags(), 1, &Find::Range { last: 1, step: 1 });
            write_spec(reply, second.flags(), 2, &Find::Range { last: 2, step: 1 });
        }
        Keys::TargetAndSources { target, access } => {
            reply.set(2);
            write_spec(reply, access.flags(), target, &Find::Range { last: target as i32, step: 1 });
            write_spec(reply, &["RO", "access"], target + 1, &Find::Range { last: -1, step: 1 });
        }
    }
}

/// How the keys behind the first are found.
enum Find {
    Range { last: i32, step: usize },
    Count { step: usize },
}

fn write_spec(reply: &mut Reply<'_>, flags: &[&str], first: usize, find: &Find) {
    reply.map(3);
    reply.bulk("flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.simple(flag));
    reply.bulk("begin_search");
    reply.map(2);
    reply.bulk("type");
    reply.bulk("index");
    reply.bulk("spec");
    reply.map(1);
    reply.bulk("index");
    reply.integer(first as i64);
    reply.bulk("find_keys");
    reply.map(2);
    reply.bulk("type");
    let numbers = match *find {
        Find::Range { last, step } => {
            reply.bulk("range");
            let last = if last < 0 { i64::from(last) } else { i64::from(last) - first as i64 };
            [("lastkey", last), ("keystep", step as i64), ("limit", 0)]
        }
        Find::Count { step } => {
            reply.bulk("keynum");
            [("keynumidx", 0), ("firstkey", 1), ("keystep", step as i64)]
        }
    };
    reply.bulk("spec");
    reply.map(numbers.len());
    for (name, number) in numbers {
        reply.bulk(name);
        reply.integer(number);
    }
}

/// An argument of a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Argument {
    kind: ArgumentKind,
    is_optional: bool,
    repeats: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum ArgumentKind {
    /// A word that is written as it stands.
    Token(String),
    /// A value; `token` stands in front of it.
    Value { name: String, token: Option<String> },
    /// All of these in order.
    Block(Vec<Argument>),
    /// One of these.
    OneOf(Vec<Argument>),
}

/// The arguments that a syntax describes.
pub(super) fn parse_syntax(syntax: &str) -> Vec<Argument> {
    let spaced = syntax.replace('[', " [ ").replace(']', " ] ").replace('<', " < ").replace('>', " > ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    parse_choice(&words, &mut at).into_iter().next().unwrap_or_default()
}

/// Alternatives up to a closing bracket.
fn parse_choice(words: &[&str], at: &mut usize) -> Vec<Vec<Argument>> {
    let mut alternatives = vec![Vec::new()];
    while let Some(&word) = words.get(*at) {
        *at += 1;
        let sequence = alternatives.last_mut().expect("there is one from the start");
        match word {
            "]" | ">" => break,
            "|" => alternatives.push(Vec::new()),
            "..." => {} // told by the bracket it stands in
            "[" | "<" => add_group(words, at, word == "[", sequence),
            word => add_word(word, sequence),
        }
    }
    alternatives
}

/// A bracketed group. `[x ...]` behind `x` says that x repeats.
fn add_group(words: &[&str], at: &mut usize, is_optional: bool, sequence: &mut Vec<Argument>) {
    let begin = *at;
    let mut alternatives = parse_choice(words, at);
    let repeats = words[begin..*at].iter().rev().nth(1) == Some(&"...");
    if repeats && is_optional && !sequence.is_empty() {
        if let Some(last) = sequence.last_mut() {
            last.repeats = true;
        }
        // `field value [field value ...]`: the pair repeats as a block.
        let width = alternatives.first().map_or(1, Vec::len);
        if width > 1 && sequence.len() >= width {
            let block = sequence.split_off(sequence.len() - width);
            let block = block.into_iter().map(|argument| Argument { repeats: false, ..argument }).collect();
            sequence.push(Argument { kind: ArgumentKind::Block(block), is_optional: false, repeats: true });
        }
        return;
    }
    let kind = if alternatives.len() > 1 {
        ArgumentKind::OneOf(alternatives.into_iter().filter_map(collapse).collect())
    } else {
        match collapse(alternatives.pop().unwrap_or_default()) {
            Some(only) => only.kind,
            None => return,
        }
    };
    sequence.push(Argument { kind, is_optional, repeats });
}

/// A sequence as one argument.
fn collapse(mut sequence: Vec<Argument>) -> Option<Argument> {
    match sequence.len() {
        0 => None,
        1 => sequence.pop(),
        _ => Some(Argument { kind: ArgumentKind::Block(sequence), is_optional: false, repeats: false }),
    }
}

fn add_word(word: &str, sequence: &mut Vec<Argument>) {
    let is_token = word.chars().any(char::is_uppercase) && !word.chars().any(char::is_lowercase);
    if is_token {
        let kind = ArgumentKind::Token(word.to_owned());
        sequence.push(Argument { kind, is_optional: false, repeats: false });
        return;
    }
    let mut token = None;
    if let Some(Argument { kind: ArgumentKind::Token(_), is_optional: false, .. }) = sequence.last()
        && let Some(Argument { kind: ArgumentKind::Token(text), .. }) = sequence.pop()
    {
        token = Some(text);
    }
    let kind = ArgumentKind::Value { name: word.to_owned(), token };
    sequence.push(Argument { kind, is_optional: false, repeats: false });
}

/// The arguments as COMMAND DOCS returns them.
pub(super) fn write_arguments(arguments: &[Argument], reply: &mut Reply<'_>) {
    reply.array(arguments.len());
    for argument in arguments {
        write_argument(argument, reply);
    }
}

fn write_argument(argument: &Argument, reply: &mut Reply<'_>) {
    let mut flags = Vec::new();
    if argument.is_optional {
        flags.push("optional");
    }
    if argument.repeats {
        flags.push("multiple");
    }
    let (name, kind, token, inner) = match &argument.kind {
        ArgumentKind::Token(text) => (text.to_lowercase(), "pure-token", Some(text), None),
        ArgumentKind::Value { name, token } => (name.clone(), value_type(name), token.as_ref(), None),
        ArgumentKind::Block(inner) => ("block".to_owned(), "block", None, Some(inner)),
        ArgumentKind::OneOf(inner) => ("option".to_owned(), "oneof", None, Some(inner)),
    };
    let is_value = matches!(argument.kind, ArgumentKind::Value { .. });
    let fields = 2
        + usize::from(is_value)
        + usize::from(token.is_some())
        + usize::from(!flags.is_empty())
        + usize::from(inner.is_some());
    reply.map(fields);
    reply.bulk("name");
    reply.bulk(&name);
    reply.bulk("type");
    reply.bulk(kind);
    if is_value {
        reply.bulk("display_text");
        reply.bulk(&name);
    }
    if let Some(token) = token {
        reply.bulk("token");
        reply.bulk(token);
    }
    if !flags.is_empty() {
        reply.bulk("flags");
        reply.array(flags.len());
        flags.iter().for_each(|flag| reply.simple(flag));
    }
    if let Some(inner) = inner {
        reply.bulk("arguments");
        write_arguments(inner, reply);
    }
}

/// The type of a value, by the names that the documentation uses.
fn value_type(name: &str) -> &'static str {
    match name {
        "key" | "newkey" | "source" | "destination" | "key1" | "key2" | "destkey" => "key",
        "pattern" => "pattern",
        "unix-time-seconds" | "unix-time-milliseconds" => "unix-time",
        "seconds" | "milliseconds" | "count" | "cursor" | "index" | "offset" | "start" | "end"
        | "increment" | "decrement" | "numkeys" | "numfields" | "db" | "bit" | "timeout" => "integer",
        _ => "string",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str, token: Option<&str>) -> ArgumentKind {
        ArgumentKind::Value { name: name.to_owned(), token: token.map(str::to_owned) }
    }

    fn plain(kind: ArgumentKind) -> Argument {
        Argument { kind, is_optional: false, repeats: false }
    }

    #[test]
    fn options_choices_and_repetitions_are_told_apart() {
        let token = |text: &str| plain(ArgumentKind::Token(text.to_owned()));
        let set = parse_syntax("key value [NX | XX] [EX seconds | KEEPTTL]");
        assert_eq!(set[0], plain(value("key", None)));
        assert_eq!(
            set[2],
            Argument {
                kind: ArgumentKind::OneOf(vec![token("NX"), token("XX")]),
                is_optional: true,
                repeats: false
            }
        );
        let times = vec![plain(value("seconds", Some("EX"))), token("KEEPTTL")];
        assert_eq!(set[3], Argument { kind: ArgumentKind::OneOf(times), is_optional: true, repeats: false });
        let del = parse_syntax("key [key ...]");
        assert_eq!(del, [Argument { kind: value("key", None), is_optional: false, repeats: true }]);
        let hset = parse_syntax("key field value [field value ...]");
        assert_eq!(hset.len(), 2);
        assert!(hset[1].repeats);
        assert_eq!(parse_syntax(""), []);
    }

    #[test]
    fn every_syntax_of_the_table_is_parsed() {
        for row in crate::table::table().rows() {
            let arguments = parse_syntax(row.command.syntax);
            assert_eq!(arguments.is_empty(), row.command.syntax.is_empty(), "{}", row.command.name);
        }
    }
}
