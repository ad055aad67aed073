//! The syntax of a row as the tree of arguments that COMMAND DOCS returns.
//!
//! A syntax is written as the documentation of Redis writes it:
//!
//! ```text
//! value                  a word in lower case: an argument of the caller's
//! TOKEN                  a word in capitals: as it stands; it belongs to the values and choices behind it
//! [..]  <..>             optional; needed
//! a | b                  one of these
//! x [x ...]  <x ...>     once or more
//! [x ...]                any number of times
//! ```
//! What it says besides, of a word or of a group as a whole, stands in front and behind:
//!
//! ```text
//! name=x    how the argument is called, if it is not the word itself or what such a choice is always called
//! x(type)   its type, if its name does not tell
//! x#1       the key specification it belongs to, if it is not the next one
//! x@6.2.0   the version of Redis that brought it
//! x!2.8.12  the version in which it was deprecated
//! ```

use std::borrow::Cow;

use crate::reply::Reply;

/// An argument of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argument {
    kind: Kind,
    /// The word that stands in front.
    token: Option<String>,
    notes: Notes,
    is_optional: bool,
    repeats: Repeats,
}

/// What a syntax says of an argument besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Notes {
    name: Option<String>,
    value_type: Option<String>,
    key_spec: Option<usize>,
    since: Option<String>,
    deprecated_since: Option<String>,
}

impl Notes {
    /// Cuts the notes off a word.
    fn cut(word: &str) -> (Self, &str) {
        let (name, rest) = match word.split_once('=') {
            Some((name, rest)) if !name.is_empty() => (Some(name.to_owned()), rest),
            _ => (None, word),
        };
        let mut rest = rest;
        let mut behind = |mark: char| {
            let (before, note) = rest.rsplit_once(mark)?;
            rest = before;
            Some(note.to_owned())
        };
        let deprecated_since = behind('!');
        let since = behind('@');
        let key_spec = behind('#').and_then(|number| number.parse().ok());
        let value_type = behind('(').map(|note| note.trim_end_matches(')').to_owned());
        (Self { name, value_type, key_spec, since, deprecated_since }, rest)
    }
}

/// Whether an argument may come more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeats {
    No,
    /// Its token, if it has one, stands once in front of all.
    Yes,
    /// Its token comes again each time.
    WithToken,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// A word that is written as it stands.
    Token(String),
    /// A value, by its name.
    Value(String),
    /// All of these in order.
    Block(Vec<Argument>),
    /// One of these.
    OneOf(Vec<Argument>),
}

/// The arguments that a syntax describes.
pub(super) fn parse(syntax: &str) -> Vec<Argument> {
    let spaced = syntax.replace('[', " [ ").replace(']', " ] ").replace('<', " < ").replace('>', " > ");
    let mut words = spaced.split_whitespace();
    let group = parse_group(&mut words);
    debug_assert!(words.next().is_none() && group.alternatives.len() == 1 && !group.repeats, "{syntax}");
    group.alternatives.into_iter().next().map(bind_tokens).unwrap_or_default()
}

/// What stands between two brackets.
struct Group {
    /// Sequences in which tokens and values still stand side by side.
    alternatives: Vec<Vec<Argument>>,
    repeats: bool,
}

/// Reads a group up to its closing bracket, or to the end of all.
fn parse_group<'a>(words: &mut impl Iterator<Item = &'a str>) -> Group {
    let mut group = Group { alternatives: vec![Vec::new()], repeats: false };
    let mut name = None;
    while let Some(word) = words.next() {
        let sequence = group.alternatives.last_mut().expect("there is one from the start");
        match word {
            "]" | ">" => break,
            "|" => group.alternatives.push(Vec::new()),
            "..." => group.repeats = true,
            "[" => add_group(sequence, name.take(), parse_group(words), true),
            "<" => add_group(sequence, name.take(), parse_group(words), false),
            word => {
                let (notes, text) = Notes::cut(word);
                match (text, sequence.last_mut()) {
                    // The name of the group that follows, or when the one before came.
                    ("", _) if notes.name.is_some() => name = notes.name,
                    ("", Some(last)) => last.notes.since = notes.since,
                    _ => {
                        let kind = if is_token(text) { Kind::Token } else { Kind::Value };
                        sequence.push(Argument { notes, ..plain(kind(text.to_owned())) });
                    }
                }
            }
        }
    }
    group
}

/// Words in capitals and signs are tokens.
fn is_token(word: &str) -> bool {
    !word.chars().any(char::is_lowercase)
}

fn plain(kind: Kind) -> Argument {
    Argument { kind, token: None, notes: Notes::default(), is_optional: false, repeats: Repeats::No }
}

/// Adds a group to the sequence in which it stands.
fn add_group(sequence: &mut Vec<Argument>, name: Option<String>, group: Group, is_optional: bool) {
    if let ([again], true) = (&group.alternatives[..], group.repeats)
        && sequence.ends_with(again)
    {
        // `x [x ...]`: what stands there may come again.
        let repeated = collapse(sequence.split_off(sequence.len() - again.len()));
        let repeats = if repeated.token.is_some() { Repeats::WithToken } else { Repeats::Yes };
        sequence.push(Argument { repeats, ..repeated });
        return;
    }
    let mut alternatives: Vec<Argument> = group.alternatives.into_iter().map(collapse).collect();
    let whole = match alternatives.pop() {
        Some(only) if alternatives.is_empty() => only,
        last => {
            alternatives.extend(last);
            plain(Kind::OneOf(alternatives))
        }
    };
    sequence.push(Argument {
        notes: Notes { name: name.or(whole.notes.name), ..whole.notes },
        is_optional: is_optional || whole.is_optional,
        repeats: if group.repeats { Repeats::Yes } else { whole.repeats },
        ..whole
    });
}

/// A sequence as one argument.
fn collapse(sequence: Vec<Argument>) -> Argument {
    let mut bound = bind_tokens(sequence);
    match (bound.pop(), bound.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            bound.extend(last);
            plain(Kind::Block(bound))
        }
    }
}

/// Joins each token with the needed values and choices behind it.
fn bind_tokens(sequence: Vec<Argument>) -> Vec<Argument> {
    let mut bound = Vec::new();
    let mut rest = sequence.into_iter().peekable();
    while let Some(argument) = rest.next() {
        let Kind::Token(token) = &argument.kind else {
            bound.push(argument);
            continue;
        };
        let notes = argument.notes.clone();
        let belongs = |next: &Argument| {
            !argument.is_optional
                && !next.is_optional
                && next.token.is_none()
                && !matches!(next.kind, Kind::Token(_))
        };
        let mut values = Vec::new();
        while let Some(value) = rest.next_if(belongs) {
            values.push(value);
        }
        bound.push(match (values.pop(), values.is_empty()) {
            (None, _) => argument,
            (Some(only), true) => {
                let name = notes.name.or(only.notes.name);
                let since = notes.since.or(only.notes.since);
                let notes = Notes { name, since, ..only.notes };
                Argument { token: Some(token.clone()), notes, ..only }
            }
            (Some(last), false) => {
                values.push(last);
                Argument { token: Some(token.clone()), notes, ..plain(Kind::Block(values)) }
            }
        });
    }
    bound
}

/// Writes arguments as COMMAND DOCS returns them, of a command with a number of key specifications.
pub(super) fn write(arguments: &[Argument], key_specs: usize, reply: &mut Reply<'_>) {
    Writer { key_specs, keys: 0 }.write(arguments, reply);
}

struct Writer {
    key_specs: usize,
    /// How many arguments that are keys were written.
    keys: usize,
}

impl Writer {
    fn write(&mut self, arguments: &[Argument], reply: &mut Reply<'_>) {
        reply.array(arguments.len());
        for argument in arguments {
            self.write_argument(argument, reply);
        }
    }

    fn write_argument(&mut self, argument: &Argument, reply: &mut Reply<'_>) {
        let described = Description::new(argument);
        let notes = &argument.notes;
        let key_spec = notes.key_spec.or_else(|| self.next_key_spec(described.value_type));
        // CLUSTER KEYSLOT takes a name and does nothing with a key.
        let is_name = described.value_type == "key" && key_spec.is_none();
        let value_type = if is_name { "string" } else { described.value_type };
        let key_spec = key_spec.map(|at| at as i64);
        let flags = argument.flags();
        let texts = [
            ("name", Some(&*described.name)),
            ("type", Some(value_type)),
            ("display_text", described.display.as_deref()),
            ("token", described.token),
            ("since", notes.since.as_deref()),
            ("deprecated_since", notes.deprecated_since.as_deref()),
        ];
        let inner = match &argument.kind {
            Kind::Block(inner) | Kind::OneOf(inner) => Some(inner),
            Kind::Token(_) | Kind::Value(_) => None,
        };
        let others = [key_spec.is_some(), !flags.is_empty(), inner.is_some()];
        let fields = texts.iter().filter(|(_, text)| text.is_some()).count();
        reply.map(fields + others.into_iter().filter(|there| *there).count());
        for (field, text) in texts {
            if let Some(text) = text {
                reply.bulk(field);
                reply.bulk(text);
            }
            if let ("display_text", Some(at)) = (field, key_spec) {
                reply.bulk("key_spec_index");
                reply.integer(at);
            }
        }
        if !flags.is_empty() {
            reply.bulk("flags");
            reply.array(flags.len());
            flags.iter().for_each(|flag| reply.simple(flag));
        }
        if let Some(inner) = inner {
            reply.bulk("arguments");
            self.write(inner, reply);
        }
    }

    /// The key specification of an argument, if it is a key: each has its own, and the last has all that are left.
    fn next_key_spec(&mut self, value_type: &str) -> Option<usize> {
        if value_type != "key" {
            return None;
        }
        let last = self.key_specs.checked_sub(1)?;
        self.keys += 1;
        Some((self.keys - 1).min(last))
    }
}

/// How an argument is called.
struct Description<'a> {
    name: Cow<'a, str>,
    value_type: &'a str,
    /// What stands for it in a line that shows how to write the command, if it holds no others.
    display: Option<Cow<'a, str>>,
    token: Option<&'a str>,
}

impl<'a> Description<'a> {
    fn new(argument: &'a Argument) -> Self {
        let token = argument.token.as_deref();
        let called = argument.notes.name.as_deref().map(Cow::Borrowed);
        let named = |otherwise: &'static str| match token {
            Some(token) => Cow::Owned(token.to_lowercase()),
            None => Cow::Borrowed(otherwise),
        };
        match &argument.kind {
            Kind::Token(text) => {
                let name = called.unwrap_or_else(|| Cow::Owned(text.to_lowercase()));
                // A pair of quotes stands for an empty word.
                let token = Some(text.trim_matches('"'));
                Self { display: Some(name.clone()), name, value_type: "pure-token", token }
            }
            Kind::Value(text) => Self {
                name: called.unwrap_or(Cow::Borrowed(text)),
                value_type: argument.notes.value_type.as_deref().unwrap_or_else(|| value_type(text)),
                display: Some(Cow::Borrowed(text)),
                token,
            },
            Kind::Block(_) => {
                let name = called.unwrap_or_else(|| named(name_of_block(argument.repeats)));
                Self { name, value_type: "block", display: None, token }
            }
            Kind::OneOf(choices) => {
                let name = called.unwrap_or_else(|| named(name_of_choice(choices)));
                Self { name, value_type: "oneof", display: None, token }
            }
        }
    }
}

/// What a block without a name is called.
fn name_of_block(repeats: Repeats) -> &'static str {
    if repeats == Repeats::No { "block" } else { "data" }
}

/// What a choice without a name is called: commands with the same choice call it the same.
fn name_of_choice(choices: &[Argument]) -> &'static str {
    let first = choices.first().and_then(|first| match &first.kind {
        Kind::Token(text) => Some(text.as_str()),
        _ => first.token.as_deref(),
    });
    match first {
        Some("NX" | "FNX" | "IFEQ") => "condition",
        Some("GT") => "comparison",
        Some("EX") => "expiration",
        Some("LEFT" | "MIN" | "BEFORE") => "where",
        Some("M" | "BYTE") => "unit",
        Some("ASC") => "order",
        Some("BYSCORE") => "sortby",
        Some("ASYNC") => "flush-type",
        _ => "option",
    }
}

impl Argument {
    fn flags(&self) -> Vec<&'static str> {
        let flags = [
            (self.is_optional, "optional"),
            (self.repeats != Repeats::No, "multiple"),
            (self.repeats == Repeats::WithToken, "multiple_token"),
        ];
        flags.into_iter().filter(|(applies, _)| *applies).map(|(_, name)| name).collect()
    }
}

/// The type of a value, by the names that the documentation uses.
fn value_type(name: &str) -> &'static str {
    match name {
        "key" | "newkey" | "source" | "destination" | "key1" | "key2" | "destkey" | "sourcekey" => "key",
        "pattern" => "pattern",
        "unix-time-seconds" | "unix-time-milliseconds" => "unix-time",
        "seconds" | "milliseconds" | "ms" | "count" | "cursor" | "index" | "offset" | "start" | "stop"
        | "end" | "increment" | "decrement" | "numkeys" | "numfields" | "db" | "bit" | "client-id"
        | "limit" | "weight" | "destination-db" | "ttl" | "frequency" | "protover" | "min-match-len"
        | "version" | "maxage" | "bits" | "rank" | "num-matches" | "len" | "slot" | "start-slot"
        | "end-slot" | "slot-start" | "slot-last" | "port" | "config-epoch" | "cluster-bus-port"
        | "maxcount" | "maxsize" | "numids" | "exactly" | "numlocal" | "numreplicas" => "integer",
        "timeout" | "score" | "longitude" | "latitude" | "radius" | "width" | "height" => "double",
        _ => "string",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree as text: `?` optional, `+` once or more, `token:` in front.
    fn show(arguments: &[Argument]) -> String {
        let texts: Vec<String> = arguments.iter().map(show_one).collect();
        texts.join(" ")
    }

    fn show_one(argument: &Argument) -> String {
        let token = argument.token.as_ref().map_or_else(String::new, |token| format!("{token}:"));
        let body = match &argument.kind {
            Kind::Token(text) => text.clone(),
            Kind::Value(name) => name.clone(),
            Kind::Block(inner) => format!("({})", show(inner)),
            Kind::OneOf(inner) => format!("<{}>", inner.iter().map(show_one).collect::<Vec<_>>().join("|")),
        };
        let repeats = match argument.repeats {
            Repeats::No => "",
            Repeats::Yes => "+",
            Repeats::WithToken => "++",
        };
        let notes = &argument.notes;
        let name = noted("", notes.name.as_ref(), "=");
        let value_type = noted("(", notes.value_type.as_ref(), ")");
        let key_spec = noted("#", notes.key_spec.as_ref(), "");
        let since = noted("@", notes.since.as_ref(), "");
        let deprecated = noted("!", notes.deprecated_since.as_ref(), "");
        let optional = if argument.is_optional { "?" } else { "" };
        format!("{name}{token}{body}{value_type}{key_spec}{repeats}{since}{deprecated}{optional}")
    }

    fn noted(before: &str, note: Option<&impl std::fmt::Display>, behind: &str) -> String {
        note.map_or_else(String::new, |note| format!("{before}{note}{behind}"))
    }

    #[test]
    fn options_choices_repetitions_and_tokens_are_told_apart() {
        for (syntax, tree) in [
            ("", ""),
            ("key value [NX | XX] [EX seconds | KEEPTTL]", "key value <NX|XX>? <EX:seconds|KEEPTTL>?"),
            ("key [key ...]", "key+"),
            ("[command [command ...]]", "command+?"),
            ("[argument ...]", "argument+?"),
            ("key field value [field value ...]", "key (field value)+"),
            ("key FIELDS numfields field [field ...]", "key FIELDS:(numfields field+)"),
            (
                "key seconds [NX | XX] FIELDS numfields field [field ...]",
                "key seconds <NX|XX>? FIELDS:(numfields field+)",
            ),
            ("<ON | OFF> [PREFIX prefix [PREFIX prefix ...]] [BCAST]", "<ON|OFF> PREFIX:prefix++? BCAST?"),
            ("key [GET encoding offset [GET encoding offset ...]]", "key GET:(encoding offset)++?"),
            ("key data=<field value ...>", "key data=(field value)+"),
            ("[change=CH@6.2.0] start(string)", "change=CH@6.2.0? start(string)"),
            ("condition=[NX | XX]@3.0.2 [BY by=pattern#1]", "condition=<NX|XX>@3.0.2? by=BY:pattern#1?"),
            ("[= | equal== | ~] <id | new-id=$>", "<=|equal==|~>? <id|new-id=$>"),
            ("[target=TO <host port [FORCE]>]", "target=TO:(host port FORCE?)?"),
            (
                "filter=<old=ip:port!2.8.12 | new=<[ID id] | [ADDR addr=ip:port] ...>>",
                "filter=<old=ip:port!2.8.12|new=<ID:id?|addr=ADDR:ip:port?>+>",
            ),
            ("[TYPE <NORMAL | PUBSUB>] [ID id [id ...]]", "TYPE:<NORMAL|PUBSUB>? ID:id+?"),
            (
                "[protover [AUTH username password] [SETNAME name]]",
                "(protover AUTH:(username password)? SETNAME:name?)?",
            ),
            (
                "key [GET encoding offset | [OVERFLOW <WRAP | SAT>] <SET encoding offset value | INCRBY encoding> ...]",
                "key <GET:(encoding offset)|(OVERFLOW:<WRAP|SAT>? <SET:(encoding offset value)|INCRBY:encoding>)>+?",
            ),
        ] {
            assert_eq!(show(&parse(syntax)), tree, "{syntax}");
        }
    }

    #[test]
    fn every_syntax_of_the_table_is_parsed() {
        for row in crate::table::table().rows() {
            let arguments = parse(row.command.syntax);
            assert_eq!(arguments.is_empty(), row.command.syntax.is_empty(), "{}", row.command.name);
        }
    }
}
