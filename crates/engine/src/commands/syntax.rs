//! The syntax of a row as the tree of arguments that COMMAND DOCS returns.
//!
//! A syntax is written as the documentation of Redis writes it:
//!
//! ```text
//! value                  a word in lower case: an argument of the caller's
//! TOKEN                  a word in capitals: as it stands; it belongs to the values and choices behind it
//! [..]  <..>             optional; needed
//! a | b                  one of these
//! x [x ...]  [x ...]     once or more; any number of times
//! ```

use crate::reply::Reply;

/// An argument of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argument {
    kind: Kind,
    /// The word that stands in front.
    token: Option<String>,
    is_optional: bool,
    repeats: Repeats,
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
    while let Some(word) = words.next() {
        let sequence = group.alternatives.last_mut().expect("there is one from the start");
        match word {
            "]" | ">" => break,
            "|" => group.alternatives.push(Vec::new()),
            "..." => group.repeats = true,
            "[" => add_group(sequence, parse_group(words), true),
            "<" => add_group(sequence, parse_group(words), false),
            word if is_token(word) => sequence.push(plain(Kind::Token(word.to_owned()))),
            word => sequence.push(plain(Kind::Value(word.to_owned()))),
        }
    }
    group
}

/// Words in capitals and signs are tokens.
fn is_token(word: &str) -> bool {
    !word.chars().any(char::is_lowercase)
}

fn plain(kind: Kind) -> Argument {
    Argument { kind, token: None, is_optional: false, repeats: Repeats::No }
}

/// Adds a group to the sequence in which it stands.
fn add_group(sequence: &mut Vec<Argument>, group: Group, is_optional: bool) {
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
            (Some(only), true) => Argument { token: Some(token.clone()), ..only },
            (Some(last), false) => {
                values.push(last);
                Argument { token: Some(token.clone()), ..plain(Kind::Block(values)) }
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
        let is_key = described.value_type == "key" && self.key_specs > 0;
        // CLUSTER KEYSLOT takes a name and does nothing with a key.
        let value_type =
            if described.value_type == "key" && !is_key { "string" } else { described.value_type };
        let flags = argument.flags();
        let fields =
            [described.is_leaf, is_key, described.token.is_some(), !flags.is_empty(), !described.is_leaf];
        reply.map(2 + fields.into_iter().filter(|there| *there).count());
        write_field(reply, "name", &described.name);
        write_field(reply, "type", value_type);
        if described.is_leaf {
            write_field(reply, "display_text", &described.name);
        }
        if is_key {
            reply.bulk("key_spec_index");
            reply.integer(self.keys.min(self.key_specs - 1) as i64);
            self.keys += 1;
        }
        if let Some(token) = described.token {
            write_field(reply, "token", token);
        }
        if !flags.is_empty() {
            reply.bulk("flags");
            reply.array(flags.len());
            flags.iter().for_each(|flag| reply.simple(flag));
        }
        if let Kind::Block(inner) | Kind::OneOf(inner) = &argument.kind {
            reply.bulk("arguments");
            self.write(inner, reply);
        }
    }
}

fn write_field(reply: &mut Reply<'_>, name: &str, value: &str) {
    reply.bulk(name);
    reply.bulk(value);
}

/// How an argument is called.
struct Description<'a> {
    name: String,
    value_type: &'static str,
    token: Option<&'a str>,
    /// Whether it holds no others.
    is_leaf: bool,
}

impl<'a> Description<'a> {
    fn new(argument: &'a Argument) -> Self {
        let token = argument.token.as_deref();
        let named = |otherwise: &str| token.map_or_else(|| otherwise.to_owned(), str::to_lowercase);
        let (name, value_type, token, is_leaf) = match &argument.kind {
            Kind::Token(text) => (text.to_lowercase(), "pure-token", Some(text.as_str()), true),
            Kind::Value(name) => (name.clone(), value_type(name), token, true),
            Kind::Block(_) => (named("block"), "block", token, false),
            Kind::OneOf(_) => (named("option"), "oneof", token, false),
        };
        Self { name, value_type, token, is_leaf }
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
        "seconds" | "milliseconds" | "count" | "cursor" | "index" | "offset" | "start" | "stop" | "end"
        | "increment" | "decrement" | "numkeys" | "numfields" | "db" | "bit" | "timeout" | "client-id"
        | "destination-db" | "ttl" | "frequency" | "protover" | "min-match-len" | "version" | "maxage"
        | "bits" | "rank" | "num-matches" | "len" | "slot" | "start-slot" | "end-slot" | "slot-start"
        | "slot-last" | "port" | "config-epoch" | "cluster-bus-port" | "maxcount" | "maxsize" | "numids"
        | "exactly" | "numlocal" | "numreplicas" => "integer",
        "score" | "longitude" | "latitude" | "radius" | "width" | "height" => "double",
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
        format!("{token}{body}{repeats}{}", if argument.is_optional { "?" } else { "" })
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
