//! A few commands, as rules know them, for tests of rules.

use acl::{Catalogue, Categories, Facts};

/// Commands of several categories, one of them with subcommands.
pub fn catalogue() -> Catalogue {
    let row = |name: &str, categories: &[&str], container: Option<usize>| Facts {
        name: name.to_owned(),
        categories: categories.iter().fold(Categories::default(), |all, name| {
            all.and(Categories::named(name.as_bytes()).expect("a known category"))
        }),
        container,
    };
    Catalogue::new(vec![
        row("get", &["read", "string", "fast"], None),
        row("set", &["write", "string", "slow"], None),
        row("hget", &["read", "hash", "fast"], None),
        row("hset", &["write", "hash", "fast"], None),
        row("select", &["connection", "fast"], None),
        row("publish", &["pubsub", "fast"], None),
        row("auth", &["connection", "fast"], None),
        row("config", &["slow"], None),
        row("config|get", &["admin", "slow", "dangerous"], Some(7)),
        row("config|set", &["admin", "slow", "dangerous"], Some(7)),
    ])
}
