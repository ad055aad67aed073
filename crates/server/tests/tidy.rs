//! House rules that a machine can check: arrows between crates run down, every file says what it is for,
//! and nothing below the shells touches a clock, a socket, a thread or a file.
//!
//! Each rule is one test and prints every place that breaks it.

use std::fs;
use std::path::{Path, PathBuf};

/// Crates by level. A crate may depend on crates of lower levels only; on its own level on none.
const LEVELS: &[&[&str]] = &[
    &["stdx", "uring"],
    &["resp", "value", "config", "acl", "disk"],
    &["keyspace", "script", "client"],
    &["engine", "persist", "bench", "transcript"],
    &["node", "backup", "replica"],
    &["server", "check", "cli"],
];

/// Crates that are shells: they may use the clock, sockets, threads and files.
const SHELLS: &[&str] = &["client", "uring", "cli", "bench", "disk", "server", "check", "transcript"];

/// What a crate below the shells must not name outside its tests.
const FORBIDDEN_BELOW: &[&str] = &[
    "std::net",
    "std::fs",
    "std::env",
    "std::thread",
    "std::process",
    "std::time::Instant",
    "std::time::SystemTime",
    "Instant::now",
    "SystemTime::now",
    "thread::sleep",
    "mio::",
    "disk::Native",
    "Disk::native",
];

/// The longest a source file may be, tests included, before it is two ideas.
const MAX_LINES: usize = 900;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace exists")
}

/// All Rust files below a folder.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn crates() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root().join("crates"))
        .expect("the crates are in crates/")
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn level(name: &str) -> Option<usize> {
    LEVELS.iter().position(|level| level.contains(&name))
}

/// The part of a file before its test module.
fn without_tests(text: &str) -> &str {
    let begins = ["#[cfg(test)]\nmod ", "#[cfg(all(test"];
    let end = begins.iter().filter_map(|begin| text.find(begin)).min();
    &text[..end.unwrap_or(text.len())]
}

fn assert_none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn arrows_between_crates_run_down() {
    let names = crates();
    let mut broken = Vec::new();
    for name in &names {
        let Some(own) = level(name) else {
            broken.push(format!("{name} has no level; give it one here and in ARCHITECTURE.md"));
            continue;
        };
        let manifest =
            fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).expect("a manifest");
        let manifest: toml::Table = manifest.parse().expect("a manifest is TOML");
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        for dependency in dependencies.into_iter().flat_map(toml::Table::keys) {
            if names.contains(dependency) && level(dependency).is_none_or(|other| other >= own) {
                broken.push(format!("{name} -> {dependency}"));
            }
        }
    }
    assert_none("a crate depends on a crate that is not below it", &broken);
}

#[test]
fn every_file_says_what_it_is_for() {
    let broken: Vec<String> = rust_files(&root().join("crates"))
        .iter()
        .filter(|path| !fs::read_to_string(path).expect("a source file is text").starts_with("//! "))
        .map(|path| path.display().to_string())
        .collect();
    assert_none("a file does not begin with `//!`", &broken);
}

#[test]
fn nothing_below_the_shells_touches_the_machine() {
    let mut broken = Vec::new();
    for name in crates().iter().filter(|name| !SHELLS.contains(&name.as_str())) {
        for path in rust_files(&root().join("crates").join(name).join("src")) {
            let text = fs::read_to_string(&path).expect("a source file is text");
            for (number, line) in without_tests(&text).lines().enumerate() {
                let code = line.split("//").next().unwrap_or(line);
                if FORBIDDEN_BELOW.iter().any(|word| code.contains(word)) {
                    broken.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
                }
            }
        }
    }
    assert_none("a crate below the shells names a clock, socket, thread or file", &broken);
}

#[test]
fn no_file_is_a_giant() {
    let broken: Vec<String> = rust_files(&root().join("crates"))
        .iter()
        .map(|path| (path, fs::read_to_string(path).expect("a source file is text").lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert_none("a file is too long to be one idea", &broken);
}

#[test]
fn modules_are_named_by_their_files() {
    let is_nameless = |path: &PathBuf| path.ends_with("mod.rs") && path.iter().any(|part| part == "src");
    let broken: Vec<String> = rust_files(&root().join("crates"))
        .iter()
        .filter(|path| is_nameless(path))
        .map(|path| path.display().to_string())
        .collect();
    assert_none("a module stands in `mod.rs` and not in a file of its name", &broken);
}

/// The files that may hold unsafe code, and what it needs to be sound.
const ROOMS: &[(&str, &str)] = &[
    (
        "crates/script/src/lend.rs",
        "what is lent is taken back before it can go, and is in use once at a time",
    ),
    ("crates/script/src/stack.rs", "a text is used only while its string stays on the stack"),
    (
        "crates/script/src/stack/call.rs",
        "the bridge lives as long as Lua, and no Rust value is alive where Lua may jump away",
    ),
    ("crates/script/src/stack/reply.rs", "every place of the stack is asked for before it is used"),
    (
        "crates/script/src/stack/result.rs",
        "every place of the stack is asked for, and the stack is left as it was",
    ),
    (
        "crates/script/src/stack/run.rs",
        "what a run borrows lives until Lua returns, and nothing is alive where it may jump away",
    ),
    ("crates/server/src/allocator.rs", "jemalloc's symbol and call have the types that its C code declares"),
    ("crates/server/src/priority.rs", "what the system call is given is read only while it lasts"),
    (
        "crates/server/src/title/area.rs",
        "the system is told of memory that is never given back, and what it has told itself",
    ),
    ("crates/stdx/src/prefetch.rs", "a prefetch neither faults nor changes memory, whatever the address"),
    (
        "crates/uring/src/buffers.rs",
        "the kernel writes to a buffer only between getting it and telling that it is filled",
    ),
    (
        "crates/uring/src/ring.rs",
        "what a request names lives until the kernel has done it, for which its caller waits",
    ),
];

#[test]
fn unsafe_code_lives_in_rooms_of_its_own() {
    let root = root();
    let is_room = |relative: &str| ROOMS.iter().any(|(room, _)| *room == relative);
    let mut broken = Vec::new();
    for path in rust_files(&root.join("crates")) {
        let relative = path.strip_prefix(&root).expect("crates are below the root").display().to_string();
        let text = fs::read_to_string(&path).expect("a source file is text");
        let allows = ["allow(unsafe_code", "expect(unsafe_code"].iter().any(|words| text.contains(words));
        if allows != is_room(&relative) && !relative.ends_with("tests/tidy.rs") {
            broken.push(relative);
        }
    }
    assert_none("a file allows unsafe code but is not a room for it, or is one without need", &broken);
}

#[test]
fn every_crate_obeys_the_lints_of_the_workspace() {
    let broken: Vec<String> = crates()
        .into_iter()
        .filter(|name| {
            let path = root().join("crates").join(name).join("Cargo.toml");
            let manifest = fs::read_to_string(path).expect("a manifest");
            let manifest: toml::Table = manifest.parse().expect("a manifest is TOML");
            let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace"));
            inherits.and_then(toml::Value::as_bool) != Some(true)
        })
        .collect();
    assert_none("a crate does not inherit the lints of the workspace, which deny unsafe code", &broken);
}
