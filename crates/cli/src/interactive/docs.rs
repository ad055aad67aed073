//! What COMMAND DOCS says about the commands of the connected server, and their syntax as text.
//!
//! The server may be hostile: what it says is bounded and freed of control characters before it is kept.

use crate::output::is_harmful;
use resp::Frame;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Commands that are kept at most, subcommands included.
const MAX_COMMANDS: usize = 10_000;
/// The longest text that is kept.
const MAX_TEXT_BYTES: usize = 1024;
/// How deep arguments lie in each other at most.
const MAX_DEPTH: usize = 16;
/// How many arguments of a command, or of one of its arguments, are kept.
const MAX_ARGUMENTS: usize = 256;

/// The commands by upper-case name; a subcommand's name has a blank inside.
#[derive(Debug, Default)]
pub(super) struct Docs(BTreeMap<String, CommandDoc>);

/// What is known about a command.
#[derive(Debug, Default)]
pub(super) struct CommandDoc {
    pub(super) summary: String,
    pub(super) since: String,
    pub(super) group: String,
    pub(super) arguments: Vec<Argument>,
}

/// An argument, or a group of arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Argument {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) token: Option<String>,
    pub(super) optional: bool,
    pub(super) multiple: bool,
    pub(super) multiple_token: bool,
}

/// What an argument is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value that the user chooses.
    #[default]
    Value,
    /// Its token alone.
    Token,
    /// One of these.
    OneOf(Vec<Argument>),
    /// All of these in a row.
    Block(Vec<Argument>),
}

impl Docs {
    /// What the server replied to COMMAND DOCS; whatever is not understood is left out.
    pub(super) fn parse(reply: &Frame) -> Self {
        let mut docs = Self::default();
        docs.add(reply, "");
        docs
    }

    /// The documentation of a command by its upper-case name.
    pub(super) fn get(&self, name: &str) -> Option<&CommandDoc> {
        self.0.get(name)
    }

    /// All commands in the order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &CommandDoc)> {
        self.0.iter().map(|(name, doc)| (name.as_str(), doc))
    }

    /// The documentation of the command that a line begins with, and how many words its name has.
    pub(super) fn find(&self, words: &[Vec<u8>]) -> Option<(usize, &CommandDoc)> {
        let upper = |word: &Vec<u8>| String::from_utf8_lossy(word).to_uppercase();
        let first = upper(words.first()?);
        let two_words = words.get(1).and_then(|second| self.get(&format!("{first} {}", upper(second))));
        two_words.map(|doc| (2, doc)).or_else(|| self.get(&first).map(|doc| (1, doc)))
    }

    fn add(&mut self, commands: &Frame, container: &str) {
        for (name, doc) in commands.pairs().unwrap_or_default() {
            if self.0.len() >= MAX_COMMANDS {
                return;
            }
            let name = clean(name).to_uppercase();
            let name = name.rsplit('|').next().unwrap_or(&name);
            let name = if container.is_empty() { name.to_owned() } else { format!("{container} {name}") };
            if let (true, Some(subcommands)) = (container.is_empty(), field(doc, "subcommands")) {
                self.add(subcommands, &name);
            }
            let text = |field_name| field(doc, field_name).map(clean).unwrap_or_default();
            let arguments = field(doc, "arguments").map(|list| arguments(list, MAX_DEPTH));
            let known = CommandDoc {
                summary: text("summary"),
                since: text("since"),
                group: text("group"),
                arguments: arguments.unwrap_or_default(),
            };
            self.0.insert(name, known);
        }
    }
}

impl Argument {
    /// The syntax, such as `[EX seconds]`.
    pub(super) fn write(&self, out: &mut String) {
        if self.optional {
            out.push('[');
            self.write_required(out);
            out.push(']');
        } else {
            self.write_required(out);
        }
    }

    /// The same without the brackets of what may be left out.
    fn write_required(&self, out: &mut String) {
        let mut value = String::new();
        match &self.kind {
            Kind::Value => value.push_str(&self.name),
            Kind::Token => {}
            Kind::OneOf(children) if self.optional && self.token.is_none() => {
                write_list(children, " | ", &mut value);
            }
            Kind::OneOf(children) => {
                value.push('<');
                write_list(children, " | ", &mut value);
                value.push('>');
            }
            Kind::Block(children) => write_list(children, " ", &mut value),
        }
        let once = match (&self.token, value.is_empty()) {
            (Some(token), true) => token.clone(),
            (Some(token), false) => format!("{token} {value}"),
            (None, _) => value.clone(),
        };
        out.push_str(&once);
        if self.multiple {
            let again = if self.multiple_token { &once } else { &value };
            let _ = write!(out, " [{again} ...]");
        }
        out.truncate(out.floor_char_boundary(MAX_TEXT_BYTES));
    }
}

/// The syntax of arguments in a row.
pub(super) fn write_list(arguments: &[Argument], separator: &str, out: &mut String) {
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 {
            out.push_str(separator);
        }
        argument.write(out);
    }
}

fn arguments(list: &Frame, depth: usize) -> Vec<Argument> {
    let Some(depth) = depth.checked_sub(1) else { return Vec::new() };
    let elements = list.elements().unwrap_or_default();
    elements.iter().take(MAX_ARGUMENTS).map(|element| argument(element, depth)).collect()
}

fn argument(doc: &Frame, depth: usize) -> Argument {
    let text = |name| field(doc, name).map(clean);
    let flags = field(doc, "flags").and_then(Frame::elements).unwrap_or_default();
    let has_flag = |name| flags.iter().any(|flag| flag.text() == Some(name));
    let children = || field(doc, "arguments").map(|list| arguments(list, depth)).unwrap_or_default();
    Argument {
        name: text("display_text").or_else(|| text("name")).unwrap_or_default(),
        kind: match field(doc, "type").and_then(Frame::text) {
            Some("pure-token") => Kind::Token,
            Some("oneof") => Kind::OneOf(children()),
            Some("block") => Kind::Block(children()),
            _ => Kind::Value,
        },
        token: text("token"),
        optional: has_flag("optional"),
        multiple: has_flag("multiple"),
        multiple_token: has_flag("multiple_token"),
    }
}

/// The value of a field in a map, or in the flat array that stands for one.
fn field<'a>(map: &'a Frame, name: &str) -> Option<&'a Frame> {
    let is_named = |key: &Frame| key.text() == Some(name);
    map.pairs()?.into_iter().find(|(key, _)| is_named(key)).map(|(_, value)| value)
}

/// A text on one line, bounded and without control characters.
fn clean(frame: &Frame) -> String {
    let bytes = frame.bytes().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_TEXT_BYTES)]);
    text.chars().filter(|character| !is_harmful(*character) && !character.is_control()).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn bulk(text: &str) -> Frame {
        Frame::Bulk(text.as_bytes().to_vec())
    }

    fn map(pairs: Vec<(&str, Frame)>) -> Frame {
        Frame::Map(pairs.into_iter().map(|(key, value)| (bulk(key), value)).collect())
    }

    fn list(texts: &[&str]) -> Frame {
        Frame::Set(texts.iter().map(|text| Frame::Simple(text.as_bytes().to_vec())).collect())
    }

    fn value(name: &str) -> Frame {
        map(vec![("name", bulk(name)), ("type", bulk("string"))])
    }

    fn token(token: &str) -> Frame {
        map(vec![("name", bulk("x")), ("type", bulk("pure-token")), ("token", bulk(token))])
    }

    fn with(frame: Frame, more: Vec<(&str, Frame)>) -> Frame {
        let (Frame::Map(mut pairs), Frame::Map(extra)) = (frame, map(more)) else { panic!("a map") };
        pairs.extend(extra);
        Frame::Map(pairs)
    }

    /// SET, MSET, BLPOP, GETEX, PING and CONFIG GET as servers document them.
    pub(in crate::interactive) fn sample() -> Docs {
        let optional = || list(&["optional"]);
        let seconds = with(value("seconds"), vec![("token", bulk("EX"))]);
        let condition = map(vec![
            ("type", bulk("oneof")),
            ("flags", optional()),
            ("arguments", Frame::Array(vec![token("NX"), token("XX")])),
        ]);
        let expiry = map(vec![
            ("type", bulk("oneof")),
            ("flags", optional()),
            ("arguments", Frame::Array(vec![seconds, token("KEEPTTL")])),
        ]);
        let pair = map(vec![
            ("type", bulk("block")),
            ("flags", list(&["multiple"])),
            ("arguments", Frame::Array(vec![value("key"), value("value")])),
        ]);
        let keys = with(value("key"), vec![("flags", list(&["multiple"]))]);
        let message = with(value("message"), vec![("flags", optional())]);
        let arguments = |list: Vec<Frame>| map(vec![("arguments", Frame::Array(list))]);
        Docs::parse(&map(vec![
            (
                "set",
                map(vec![
                    ("summary", bulk("Sets.\x1b[31m")),
                    ("since", bulk("1.0.0")),
                    ("group", bulk("string")),
                    ("arguments", Frame::Array(vec![value("key"), value("value"), condition, expiry])),
                ]),
            ),
            ("mset", arguments(vec![pair])),
            ("blpop", arguments(vec![keys, value("timeout")])),
            ("ping", arguments(vec![message])),
            (
                "config",
                map(vec![("subcommands", map(vec![("config|get", arguments(vec![value("parameter")]))]))]),
            ),
        ]))
    }

    fn syntax(name: &str) -> String {
        let mut out = String::new();
        write_list(&sample().get(name).expect("known").arguments, " ", &mut out);
        out
    }

    #[test]
    fn syntax_is_written_as_redis_documents_it() {
        assert_eq!(syntax("SET"), "key value [NX | XX] [EX seconds | KEEPTTL]");
        assert_eq!(syntax("MSET"), "key value [key value ...]");
        assert_eq!(syntax("BLPOP"), "key [key ...] timeout");
        assert_eq!(syntax("CONFIG GET"), "parameter");
    }

    #[test]
    fn a_line_finds_its_command_and_subcommand() {
        let docs = sample();
        let words = |line: &str| crate::line::words(line.as_bytes()).expect("balanced");
        assert_eq!(docs.find(&words("config get x")).map(|(words, _)| words), Some(2));
        assert_eq!(docs.find(&words("config")).map(|(words, _)| words), Some(1));
        assert!(docs.find(&words("nothing")).is_none());
        assert!(docs.find(&[]).is_none());
    }

    #[test]
    fn a_hostile_server_is_bounded_and_cleaned() {
        assert_eq!(sample().get("SET").expect("known").summary, "Sets.[31m");
        let mut deep = value("x");
        for _ in 0..100 {
            deep = map(vec![("type", bulk("block")), ("arguments", Frame::Array(vec![deep]))]);
        }
        let names: Vec<String> = (0..MAX_COMMANDS + 5).map(|number| format!("c{number}")).collect();
        let mut commands: Vec<(&str, Frame)> =
            vec![("deep", map(vec![("arguments", Frame::Array(vec![deep]))]))];
        commands.extend(names.iter().map(|name| (name.as_str(), Frame::Null)));
        let docs = Docs::parse(&map(commands));
        assert_eq!(docs.iter().count(), MAX_COMMANDS);
        assert!(Docs::parse(&Frame::Integer(1)).iter().next().is_none());
        let wide: Vec<Frame> = (0..1000).map(|_| value(&"n".repeat(5000))).collect();
        let doc = map(vec![(
            "arguments",
            Frame::Array(vec![map(vec![("type", bulk("block")), ("arguments", Frame::Array(wide))])]),
        )]);
        let docs = Docs::parse(&map(vec![("w", doc)]));
        let mut out = String::new();
        write_list(&docs.get("W").expect("known").arguments, " ", &mut out);
        assert!(out.len() <= MAX_TEXT_BYTES);
    }
}
