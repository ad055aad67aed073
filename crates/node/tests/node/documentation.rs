//! COMMAND DOCS: all facts that Redis tells of its commands and of their arguments are told here as well.

use std::collections::BTreeSet;

use resp::frame::{Frame, FrameDecoder, FrameLimits};

use crate::world::World;

/// What Redis 8.0 tells; its texts are not in there. Nor is what came to its commands later.
const REDIS: &str = include_str!("redis-8.0-docs.txt");

/// Lines of Redis that differ here.
const DIFFERENT: &[(&str, &str)] = &[(
    "client|kill/filter/new-format/client-id integer token=ID since=2.8.12 optional",
    "several IDs may be given, as in Redis 8.8",
)];

/// The value of a field of a map.
fn field<'f>(map: &'f Frame, name: &str) -> Option<&'f Frame> {
    map.pairs()?.into_iter().find(|(key, _)| key.text() == Some(name)).map(|(_, value)| value)
}

fn text<'f>(map: &'f Frame, name: &str) -> Option<&'f str> {
    field(map, name).and_then(Frame::text)
}

fn elements<'f>(map: &'f Frame, name: &str) -> &'f [Frame] {
    field(map, name).and_then(Frame::elements).unwrap_or_default()
}

fn texts<'f>(map: &'f Frame, name: &str) -> impl Iterator<Item = String> + 'f {
    elements(map, name).iter().filter_map(Frame::text).map(str::to_owned)
}

/// The facts of a command, its arguments and its subcommands, in the form of the lines of [`REDIS`].
fn describe(name: &str, docs: &Frame, lines: &mut BTreeSet<String>) {
    let mut words = vec![name.to_owned(), text(docs, "since").unwrap_or_default().to_owned()];
    words.push(format!("group={}", text(docs, "group").expect("each command has a group")));
    words.extend(texts(docs, "doc_flags"));
    words.extend(text(docs, "deprecated_since").map(|since| format!("deprecated_since={since}")));
    let history: Vec<&str> = elements(docs, "history")
        .iter()
        .filter_map(|change| change.elements()?.first()?.text())
        .filter(|version| version.starts_with("8.0.") || !version.starts_with("8."))
        .collect();
    if !history.is_empty() {
        words.push(format!("history={}", history.join(",")));
    }
    lines.insert(words.join(" "));
    describe_arguments(name, docs, lines);
    for (name, docs) in field(docs, "subcommands").and_then(Frame::pairs).unwrap_or_default() {
        describe(name.text().expect("a name"), docs, lines);
    }
}

fn describe_arguments(path: &str, docs: &Frame, lines: &mut BTreeSet<String>) {
    for argument in elements(docs, "arguments") {
        let name = text(argument, "name").expect("each argument has a name");
        let path = format!("{path}/{name}");
        let mut words = vec![path.clone(), text(argument, "type").expect("and a type").to_owned()];
        words.extend(
            text(argument, "token")
                .map(|token| format!("token={}", if token.is_empty() { "\"\"" } else { token })),
        );
        words.extend(
            text(argument, "display_text")
                .filter(|shown| *shown != name)
                .map(|shown| format!("display={shown}")),
        );
        words
            .extend(field(argument, "key_spec_index").and_then(Frame::integer).map(|at| format!("key={at}")));
        for name in ["since", "deprecated_since"] {
            words.extend(text(argument, name).map(|version| format!("{name}={version}")));
        }
        words.extend(texts(argument, "flags"));
        lines.insert(words.join(" "));
        describe_arguments(&path, argument, lines);
    }
}

/// The reply of COMMAND DOCS.
fn all_docs() -> Frame {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    world.ask(peer, "HELLO 3");
    world.send(peer, "COMMAND DOCS");
    world.settle();
    let bytes = world.read_bytes(peer);
    let mut decoder = FrameDecoder::new(FrameLimits::default());
    decoder.decode(&bytes).expect("the reply is a reply").frame.expect("and it is whole")
}

#[test]
fn all_that_redis_tells_of_its_commands_is_told() {
    let mut lines = BTreeSet::new();
    for (name, docs) in all_docs().pairs().expect("a map") {
        describe(name.text().expect("a name"), docs, &mut lines);
    }
    let known = |line: &str| DIFFERENT.iter().any(|(different, _)| *different == line);
    let missing: Vec<&str> = REDIS
        .lines()
        .filter(|line| !line.starts_with('#') && !known(line) && !lines.contains(*line))
        .collect();
    assert!(missing.is_empty(), "{} lines of Redis are missing:\n{}", missing.len(), missing.join("\n"));
    assert!(DIFFERENT.iter().all(|(line, _)| !lines.contains(*line)), "a difference is none any more");
}

#[test]
fn what_a_command_got_later_is_told_in_words_and_only_then() {
    for (_, docs) in all_docs().pairs().expect("a map") {
        let history = elements(docs, "history");
        assert_eq!(history.is_empty(), field(docs, "history").is_none());
        for change in history.iter().filter_map(Frame::elements) {
            let [version, what] = change else { panic!("{change:?} is no pair") };
            assert!(version.text().is_some_and(|text| text.split('.').count() == 3), "{version:?}");
            assert!(what.text().is_some_and(|text| text.ends_with('.')), "{what:?}");
        }
    }
}
