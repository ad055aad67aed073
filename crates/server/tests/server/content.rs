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
        other => panic!("a key of type {other}"),
    };
    (kind, expiry, value)
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
