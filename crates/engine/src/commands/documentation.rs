//! What COMMAND INFO derives from a row: ACL categories and key specifications.

use crate::command::{Access, Channels, Command, Flags, Group, Keys};
use crate::reply::Reply;

/// The ACL categories of a command, by Redis's rules.
pub(crate) fn categories(command: &Command) -> Vec<&'static str> {
    let flags = command.flags;
    let mut found = command.categories.to_vec();
    let is_container = !command.subcommands.is_empty();
    found.extend(match command.group {
        _ if is_container => None,
        // WAIT is documented among the commands about keys, but concerns the connection.
        _ if command.categories.contains(&"connection") => None,
        Group::Bitmap => Some("bitmap"),
        Group::Connection => Some("connection"),
        // SORT is about the types of what it sorts, and no command for keys of any type.
        Group::Generic if matches!(command.keys, Keys::Sorted { .. }) => None,
        Group::Generic => Some("keyspace"),
        Group::Geo => Some("geo"),
        Group::Hash => Some("hash"),
        Group::HyperLogLog => Some("hyperloglog"),
        Group::List => Some("list"),
        Group::Set => Some("set"),
        Group::Scripting => Some("scripting"),
        Group::Stream => Some("stream"),
        Group::String => Some("string"),
        Group::Transactions => Some("transaction"),
        Group::SortedSet => Some("sortedset"),
        Group::Cluster | Group::PubSub | Group::Server => None,
    });
    let is_dangerous = flags.has(Flags::ADMIN) || flags.has(Flags::DANGEROUS);
    let by_flag = [
        (flags.has(Flags::WRITE), "write"),
        // A script that only reads is a script in the first place.
        (flags.has(Flags::READONLY) && command.group != Group::Scripting, "read"),
        (flags.has(Flags::ADMIN), "admin"),
        (flags.has(Flags::PUBSUB), "pubsub"),
        (flags.has(Flags::BLOCKING), "blocking"),
        (is_dangerous, "dangerous"),
        (flags.has(Flags::FAST), "fast"),
        (!flags.has(Flags::FAST), "slow"),
    ];
    found.extend(by_flag.into_iter().filter(|(applies, _)| *applies).map(|(_, name)| name));
    found.sort_by_key(|name| acl::CATEGORIES.iter().position(|other| other == name));
    found
}

/// How many key specifications a command has.
pub(super) fn key_specs(command: &Command) -> usize {
    match command.keys {
        Keys::None => 0,
        Keys::Range { .. } | Keys::Counted { .. } | Keys::Streams { .. } => 1,
        Keys::Pair { .. }
        | Keys::TargetAndSources { .. }
        | Keys::TargetAndCounted { .. }
        | Keys::Migrated
        | Keys::Sorted { stores: false } => 2,
        Keys::Sorted { stores: true } => 3,
        Keys::SourceAndOptions { words, .. } => 1 + words.len(),
    }
}

/// The key specifications of COMMAND INFO.
pub(super) fn write_key_specs(command: &Command, reply: &mut Reply<'_>) {
    if let Channels::Shard { last, .. } = command.channels {
        // What finds the node of a channel, but is no key.
        reply.set(1);
        return write_spec(reply, "", &["not_key"], 1, &Find::Range { last, step: 1 });
    }
    reply.set(key_specs(command));
    match command.keys {
        Keys::None => {}
        Keys::Range { first, last, step, access } => {
            let mut flags = access.flags().to_vec();
            flags.extend(command.access_by.map(|_| "variable_flags"));
            write_spec(reply, command.key_note, &flags, first, &Find::Range { last, step });
        }
        Keys::Counted { at, step, access } => {
            write_spec(reply, command.key_note, access.flags(), at, &Find::Count { step });
        }
        Keys::Pair { first, second } => {
            write_spec(reply, "", first.flags(), 1, &Find::Range { last: 1, step: 1 });
            write_spec(reply, "", second.flags(), 2, &Find::Range { last: 2, step: 1 });
        }
        Keys::Sorted { stores } => {
            write_spec(reply, "", Access::Read.flags(), 1, &Find::Range { last: 1, step: 1 });
            write_unknown(reply, MADE_UP, Access::Read);
            if stores {
                write_unknown(reply, BEHIND_STORE, Access::Overwrite);
            }
        }
        Keys::TargetAndSources { target, access } => {
            write_spec(reply, "", access.flags(), target, &Find::Range { last: target as i32, step: 1 });
            write_spec(reply, "", &["RO", "access"], target + 1, &Find::Range { last: -1, step: 1 });
        }
        Keys::TargetAndCounted { at, access } => {
            write_spec(reply, "", access.flags(), 1, &Find::Range { last: 1, step: 1 });
            write_spec(reply, "", &["RO", "access"], at, &Find::Count { step: 1 });
        }
        Keys::SourceAndOptions { words, after, access } => {
            write_spec(reply, "", &["RO", "access"], 1, &Find::Range { last: 1, step: 1 });
            for &word in words {
                let behind = Find::Behind { word, from: after as i64, last: 0, limit: 0 };
                write_spec(reply, "", access.flags(), 0, &behind);
            }
        }
        Keys::Migrated => {
            let flags = Access::Take.flags();
            write_spec(reply, "", flags, 3, &Find::Range { last: 3, step: 1 });
            let behind = Find::Behind { word: "KEYS", from: -2, last: -1, limit: 0 };
            write_spec(reply, "", &[flags, &["incomplete"]].concat(), 0, &behind);
        }
        Keys::Streams { from } => {
            let behind = Find::Behind { word: "STREAMS", from: from as i64, last: -1, limit: 2 };
            write_spec(reply, "", Access::Read.flags(), 0, &behind);
        }
    }
}

/// Why SORT's keys are not known from its arguments, in the words of Redis, which tools may look for.
const MADE_UP: &str = "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of \
                       the key we sort";
const BEHIND_STORE: &str = "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the \
                            argument array";

/// A specification of keys that are not known from their places.
fn write_unknown(reply: &mut Reply<'_>, why: &str, access: Access) {
    reply.map(4);
    reply.bulk("notes");
    reply.bulk(why);
    reply.bulk("flags");
    reply.set(access.flags().len());
    access.flags().iter().for_each(|flag| reply.simple(flag));
    for search in ["begin_search", "find_keys"] {
        reply.bulk(search);
        reply.map(2);
        reply.bulk("type");
        reply.bulk("unknown");
        reply.bulk("spec");
        reply.map(0);
    }
}

/// How the keys behind the first are found.
enum Find {
    Range {
        last: i32,
        step: usize,
    },
    Count {
        step: usize,
    },
    /// They stand behind this word, which is looked for from an argument on, counted from the end if negative; a limit of 2
    /// means half of them.
    Behind {
        word: &'static str,
        from: i64,
        last: i64,
        limit: i64,
    },
}

fn write_spec(reply: &mut Reply<'_>, note: &str, flags: &[&str], first: usize, find: &Find) {
    reply.map(3 + usize::from(!note.is_empty()));
    if !note.is_empty() {
        reply.bulk("notes");
        reply.bulk(note);
    }
    reply.bulk("flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.simple(flag));
    reply.bulk("begin_search");
    reply.map(2);
    reply.bulk("type");
    let begin = if let Find::Behind { word, from, .. } = find {
        reply.bulk("keyword");
        reply.bulk("spec");
        reply.map(2);
        reply.bulk("keyword");
        reply.bulk(word);
        reply.bulk("startfrom");
        *from
    } else {
        reply.bulk("index");
        reply.bulk("spec");
        reply.map(1);
        reply.bulk("index");
        first as i64
    };
    reply.integer(begin);
    reply.bulk("find_keys");
    reply.map(2);
    reply.bulk("type");
    let numbers = match *find {
        Find::Range { last, step } => {
            reply.bulk("range");
            let last = if last < 0 { i64::from(last) } else { i64::from(last) - first as i64 };
            [("lastkey", last), ("keystep", step as i64), ("limit", 0)]
        }
        Find::Behind { last, limit, .. } => {
            reply.bulk("range");
            [("lastkey", last), ("keystep", 1), ("limit", limit)]
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
