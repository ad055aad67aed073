//! What a server holds, as a value that can be compared: every key of every database with its type, content and expiry.

use std::collections::BTreeMap;

use client::Client;
use resp::Frame;

use crate::support::{must, text};

/// Database and key; type, expiry as unix milliseconds (-1 = none) and content.
pub(crate) type Content = BTreeMap<(u32, Vec<u8>), (String, i64, Vec<Vec<u8>>)>;

const DATABASES: u32 = 16;

/// Reads everything. Nothing may expire meanwhile.
pub(crate) fn content(client: &mut Client) -> Content {
    let mut content = Content::new();
    for database in 0..DATABASES {
        must(client, &format!("SELECT {database}"));
        let keys = must(client, "KEYS *");
        for key in keys.elements().expect("KEYS replies an array") {
            let key = key.bytes().expect("a key is a string");
            let entry = entry(client, key);
            content.insert((database, key.to_vec()), entry);
        }
    }
    must(client, "SELECT 0");
    content
}

fn entry(client: &mut Client, key: &[u8]) -> (String, i64, Vec<Vec<u8>>) {
    let mut ask = |command: &str| client.command(&[command.as_bytes(), key]).expect("a reply");
    let kind = text(&ask("TYPE"));
    let expiry = ask("PEXPIRETIME").integer().expect("a time is a number");
    let value = match kind.as_str() {
        "string" => vec![ask("GET").bytes().expect("a string has a value").to_vec()],
        "hash" => fields(&ask("HGETALL")),
        "list" => elements(&client.command(&[b"LRANGE", key, b"0", b"-1"]).expect("a reply")),
        "set" => members(&ask("SMEMBERS")),
        "zset" => scored(&client.command(&[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"]).expect("a reply")),
        "stream" => stream(client, key),
        other => panic!("a key of type {other}"),
    };
    (kind, expiry, value)
}

/// Everything that is known of a stream but times, and how many entries groups have read, which the log of Redis 7.0 does not
/// tell.
fn stream(client: &mut Client, key: &[u8]) -> Vec<Vec<u8>> {
    let full =
        client.command(&[b"XINFO".as_slice(), b"STREAM", key, b"FULL", b"COUNT", b"0"]).expect("a reply");
    let mut parts = Vec::new();
    let names = ["length", "last-generated-id", "max-deleted-entry-id", "entries-added", "entries"];
    parts.extend(names.map(|name| format!("{name} {:?}", part(&full, name))));
    for group in part(&full, "groups").elements().expect("groups are an array") {
        let names = ["name", "last-delivered-id", "pel-count"];
        parts.extend(names.map(|name| format!("group {name} {:?}", part(group, name))));
        for pending in part(group, "pending").elements().expect("pending entries are an array") {
            let fields = pending.elements().expect("a pending entry has fields");
            parts.push(format!("pending {:?} {:?} {:?}", fields[0], fields[1], fields[3]));
        }
        for consumer in part(group, "consumers").elements().expect("consumers are an array") {
            // Whether there are others depends on the version: Redis 7.0 makes no consumer for a claim of nothing.
            if part(consumer, "pel-count").integer() != Some(0) {
                parts.push(format!(
                    "consumer {:?} {:?}",
                    part(consumer, "name"),
                    part(consumer, "pel-count")
                ));
            }
        }
    }
    parts.into_iter().map(String::into_bytes).collect()
}

/// A value of a map by its name.
fn part<'f>(map: &'f Frame, name: &str) -> &'f Frame {
    let pairs = map.pairs().expect("what is known comes in pairs");
    let found = pairs.into_iter().find(|(key, _)| text(key) == name);
    found.unwrap_or_else(|| panic!("{name} is told")).1
}

/// The members of a set in order.
fn members(reply: &Frame) -> Vec<Vec<u8>> {
    let mut members = elements(reply);
    members.sort();
    members
}

/// The elements of a list in their order.
fn elements(reply: &Frame) -> Vec<Vec<u8>> {
    let all = reply.elements().expect("a collection is answered with its elements");
    all.iter().map(|element| element.bytes().expect("an element is a string").to_vec()).collect()
}

/// The members of a sorted set in their order, each followed by its score as eight bytes, since servers differ in how many
/// digits they print.
fn scored(reply: &Frame) -> Vec<Vec<u8>> {
    let all = reply.elements().expect("ZRANGE replies an array");
    let mut flat: Vec<&Frame> = Vec::new();
    for element in all {
        match element.elements() {
            Some(pair) => flat.extend(pair),
            None => flat.push(element),
        }
    }
    let score = |frame: &Frame| match frame {
        Frame::Double(score) => *score,
        other => text(other).parse().expect("a score is a number"),
    };
    let pairs = flat.chunks(2);
    let member = |frame: &Frame| frame.bytes().expect("a member is a string").to_vec();
    pairs.flat_map(|pair| [member(pair[0]), score(pair[1]).to_be_bytes().to_vec()]).collect()
}

/// The fields of a hash in order of their names, each followed by its value.
fn fields(reply: &Frame) -> Vec<Vec<u8>> {
    let bytes = |frame: &Frame| frame.bytes().expect("fields and values are strings").to_vec();
    let pairs = reply.pairs().expect("HGETALL replies pairs");
    let sorted: BTreeMap<Vec<u8>, Vec<u8>> =
        pairs.into_iter().map(|(field, value)| (bytes(field), bytes(value))).collect();
    sorted.into_iter().flat_map(|(field, value)| [field, value]).collect()
}
