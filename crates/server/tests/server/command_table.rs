//! COMMAND: what clients and proxies are told of every command, compared with redis-server.
//!
//! Redis 7.0.15 is asked, whose answers have hardly changed since; what has is listed with what changed it.

use std::collections::BTreeMap;

use resp::Frame;

use crate::support::{Server, must, text};

/// What newer versions tell otherwise: a command a line, and the fields that differ.
const CHANGED: &str = "
    blmove flags
    blpop flags
    brpop flags
    brpoplpush flags
    bzpopmax flags
    bzpopmin flags
    cluster|shards flags
    cluster|slots flags
    command|getkeys arity
    command|getkeysandflags arity
    sinterstore keys
    wait flags categories
    zrank arity
    zrevrank arity
";

/// The fields of a command, by name. What stands in no order is sorted.
type Facts = BTreeMap<&'static str, String>;

/// Adds a command and its subcommands.
fn note(command: &Frame, into: &mut BTreeMap<String, Facts>) {
    let Some([name, arity, flags, first, last, step, categories, _tips, keys, subcommands]) =
        command.elements()
    else {
        panic!("a command has ten fields: {command:?}");
    };
    let facts = [
        ("arity", text(arity)),
        ("flags", sorted(flags)),
        ("positions", [first, last, step].map(text).join(" ")),
        ("categories", sorted(categories)),
        (
            "keys",
            keys.elements().unwrap_or_default().iter().map(key_specification).collect::<Vec<_>>().join(", "),
        ),
    ];
    into.insert(text(name), facts.into());
    subcommands.elements().unwrap_or_default().iter().for_each(|command| note(command, into));
}

fn sorted(list: &Frame) -> String {
    let mut words: Vec<String> = list.elements().unwrap_or_default().iter().map(text).collect();
    words.sort();
    words.join(" ")
}

/// Flags in order and how keys are found; notes are for people, and may differ.
fn key_specification(specification: &Frame) -> String {
    let pairs = specification.pairs().expect("names and values");
    let fields = pairs.iter().filter(|(name, _)| text(name) != "notes");
    let shown = fields.map(|(name, value)| match &*text(name) {
        "flags" => sorted(value),
        name => format!("{name} {}", flat(value)),
    });
    shown.collect::<Vec<_>>().join("; ")
}

fn flat(value: &Frame) -> String {
    match value.elements() {
        Some(elements) => elements.iter().map(flat).collect::<Vec<_>>().join(" "),
        None => text(value),
    }
}

fn table(server: &Server) -> BTreeMap<String, Facts> {
    let mut table = BTreeMap::new();
    let commands = must(&mut server.connect(), "COMMAND");
    commands.elements().expect("a list").iter().for_each(|command| note(command, &mut table));
    table
}

#[test]
fn every_command_of_redis_is_there_and_told_as_redis_tells_it() {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
    let own = table(&Server::start(folders[0].path(), &["--appendonly", "no", "--save", ""]));
    let redis = table(&Server::oracle(folders[1].path(), &[]));
    let is_known = |name: &str, field: &str| {
        CHANGED.lines().map(str::split_whitespace).any(|mut words| {
            words.next().is_some_and(|command| command == name) && words.any(|word| word == field)
        })
    };
    let mut wrong = Vec::new();
    for (name, facts) in &redis {
        let Some(own) = own.get(name) else {
            wrong.push(format!("{name} is missing"));
            continue;
        };
        for (field, expected) in facts {
            let found = &own[field];
            if (found != expected) != is_known(name, field) {
                wrong.push(format!("{name}, {field}: {found:?}, and redis-server says {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
