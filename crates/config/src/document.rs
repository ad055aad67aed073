//! `docs/configuration.md`, printed from the table.

use std::fmt::Write;

use crate::parameter::{Change, Effect, Parameter};
use crate::table::TABLE;

const HEAD: &str = "<!-- Printed from the table in crates/config/src/table.rs. Do not edit; after a change of the table run
     UPDATE_DOCS=1 cargo test -p config --test documentation -->
# Configuration

Sources, the strongest first: the command line (`--name value ...`), the environment (`RUSTYPOTATO_NAME`, with `_` for `-`),
standard input (`-`), the file named as the first argument (in TOML when it ends in `.toml`, else in the syntax of redis.conf),
the defaults below. A directive of a stronger source replaces those of weaker ones. An unknown name or a bad value stops the start.

\"Change\" says when a value may change: at the **start** only, at **any time** by CONFIG SET, at any time but **not while loading**
data, or **if allowed** by `enable-protected-configs`. Parameters under \"no effect\" tune what is done otherwise here, or belong to
what is not there: they are checked, kept and shown, so that files and tools written for Redis and Valkey work, but change nothing.
Parameters under \"not offered\" ask for what users rely on and this server does not have: a value that does so stops the start with
file, line and reason, and CONFIG SET refuses it. A name in brackets is an older one for the same parameter.

Users are defined by lines `user NAME RULE ..` in the syntax of redis.conf, or in the file that `aclfile` names, but not in both.
The rules are those of ACL SETUSER in Redis 8 (`on >password ~keys* %R~read* &channel +@read -@dangerous (..)`), and `db=0,1`,
`alldbs` and `resetdbs` as in Valkey 9.1. A default user that the file does not name keeps the password of `requirepass`, which
Redis forgets then.

`rename-command OLD NEW` lets clients and scripts call a command by another name, and `rename-command OLD \"\"` by none. Users'
rules, statistics, events and files go on naming it as always, so the data of a server that renames SET are those of any other.
";

/// The page.
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    for rows in TABLE.chunk_by(|row, next| row.group == next.group) {
        write_rows(&mut page, &format!("\n## {}\n", rows[0].group), rows, Effect::Acts);
    }
    write_lacks(&mut page);
    page.push_str("\n## No effect\n");
    for rows in TABLE.chunk_by(|row, next| row.group == next.group) {
        write_rows(&mut page, &format!("\n### {}\n", rows[0].group), rows, Effect::Accepted);
    }
    page
}

/// The parameters whose values are refused, with the reasons.
fn write_lacks(page: &mut String) {
    page.push_str(
        "\n## Not offered\n\n| name | harmless | meaning | why not, and what to do |\n|---|---|---|---|\n",
    );
    for row in TABLE {
        let Effect::Lacks(lack) = row.effect else { continue };
        let harmless: Vec<String> = [row.default]
            .iter()
            .chain(lack.harmless)
            .map(|value| if value.is_empty() { "(empty)".to_owned() } else { format!("`{value}`") })
            .collect();
        let (harmless, name) = (harmless.join(", "), named(row));
        writeln!(page, "| {name} | {harmless} | {} | {}; {} |", row.doc, lack.reason, lack.remedy)
            .expect("a String takes any text");
    }
}

/// The name of a row with its second one.
fn named(row: &Parameter) -> String {
    if row.alias.is_empty() { format!("`{}`", row.name) } else { format!("`{}` (`{}`)", row.name, row.alias) }
}

fn write_rows(page: &mut String, heading: &str, rows: &[Parameter], effect: Effect) {
    let mut rows = rows.iter().filter(|row| row.effect == effect).peekable();
    if rows.peek().is_none() {
        return;
    }
    page.push_str(heading);
    page.push_str("\n| name | value | default | change | meaning |\n|---|---|---|---|---|\n");
    for row in rows {
        let name = named(row);
        let default = if row.default.is_empty() { String::new() } else { format!("`{}`", row.default) };
        writeln!(page, "| {name} | {} | {default} | {} | {} |", row.kind, change(row.change), row.doc)
            .expect("a String takes any text");
    }
}

fn change(change: Change) -> &'static str {
    match change {
        Change::Startup | Change::UnlistedStartup => "start",
        Change::Runtime | Change::Hidden | Change::Unlisted => "any time",
        Change::NotLoading => "not while loading",
        Change::Protected => "if allowed",
    }
}
