//! Whole files: round trips, files of other servers, damage.

use stdx::hash::HashKey;
use stdx::time::UnixMs;
use value::hash::{self, FieldExpiry, Hash};
use value::{Settings, StringRef, ValueRef, list, set, stream, zset};

use keyspace::{DbIndex, Usage};

use super::*;

mod forms;

const HASH: hash::Settings =
    hash::Settings { max_packed_entries: 8, max_packed_value: 64, seed: HashKey([3, 4]) };
const SETTINGS: Settings = Settings {
    hash: HASH,
    list: list::Settings::of_parameter(-2),
    set: set::Settings::of_redis(HASH.seed),
    zset: zset::Settings::of_redis(HASH.seed),
    stream: stream::Settings::of_parameters(4096, 100),
};
const OPTIONS: ReadOptions = ReadOptions {
    settings: SETTINGS,
    max_string_bytes: 1 << 20,
    verify_checksum: true,
    skips_modules: false,
};
const NOTES: Notes<'_> = Notes {
    redis_version: "8.0.0",
    own_version: "0.1.0",
    created: UnixMs(1_700_000_000_000),
    used_memory: 1_000_000,
    is_aof_base: false,
};

/// What a file says, one line an item.
fn lines(bytes: &[u8], piece: usize) -> Result<Vec<String>, Error> {
    let mut decoder = Decoder::new(OPTIONS);
    let mut lines = Vec::new();
    for piece in bytes.chunks(piece) {
        decoder.feed(piece);
        while let Some(item) = decoder.next_item()? {
            lines.push(line(item));
        }
    }
    decoder.end_input();
    while let Some(item) = decoder.next_item()? {
        lines.push(line(item));
    }
    assert!(decoder.is_done());
    assert_eq!(decoder.offset() as usize + decoder.rest().len(), bytes.len());
    if decoder.rest().is_empty() {
        return Ok(lines);
    }
    Err(Error { offset: decoder.offset(), key: None, problem: Problem::Range("bytes behind the end") })
}

fn line(item: Item<'_>) -> String {
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    match item {
        Item::Note { name, value } => format!("{}: {}", text(&name), text(&value)),
        Item::Entry(entry) => {
            let value = match entry.value {
                Object::String(string) if string.len() > 60 => format!("{} bytes", string.len()),
                Object::String(string) => text(&string),
                Object::Hash(hash) => {
                    let mut fields: Vec<String> = hash
                        .at(UnixMs::MIN)
                        .iter()
                        .map(|entry| {
                            let at = entry.expiry.map_or(String::new(), |at| format!("@{at}"));
                            format!("{}={}{at}", text(entry.field), text(entry.value))
                        })
                        .collect();
                    fields.sort();
                    fields.join(",")
                }
                Object::List(list) => {
                    list.as_ref().iter().map(|element| text(&element)).collect::<Vec<_>>().join(" ")
                }
                Object::Set(set) => {
                    let members: Vec<String> = set.as_ref().iter().map(|member| text(&member)).collect();
                    format!("{} {}", set.as_ref().encoding().name(), members.join(" "))
                }
                Object::ZSet(zset) => {
                    let pair =
                        |element: zset::Element<'_>| format!("{}:{}", text(element.member), element.score);
                    zset.as_ref().iter().map(pair).collect::<Vec<_>>().join(" ")
                }
                Object::Stream(stream) => stream_line(&stream),
            };
            let expiry = entry.expiry.map_or(String::new(), |at| format!(" @{at}"));
            let idle = entry.idle_seconds.map_or(String::new(), |idle| format!(" idle {idle}"));
            let frequency = entry.frequency.map_or(String::new(), |count| format!(" freq {count}"));
            format!("{} -> {value}{expiry}{idle}{frequency}", text(&entry.key))
        }
        other => format!("{other:?}"),
    }
}

/// Entries, what is known of those that are gone, and groups with what is pending and whom they serve.
fn stream_line(stream: &value::Stream) -> String {
    let mut line = String::new();
    for entry in stream.iter() {
        let fields: Vec<String> = entry
            .fields()
            .map(|(name, value)| format!("{}={}", name.escape_ascii(), value.escape_ascii()))
            .collect();
        line += &format!("{} {}; ", entry.id(), fields.join(","));
    }
    let facts = stream.facts();
    line += &format!("added {} last {} deleted {}", facts.entries_added, facts.last_id, facts.max_deleted_id);
    for (name, group) in stream.groups() {
        line += &format!("; {} at {} read {:?}", name.escape_ascii(), group.last_id, group.entries_read);
        for one in group.pending.from(stream::Id::MIN) {
            line += &format!(", {} {}*{}", one.id, one.delivered_ms, one.deliveries);
        }
        for one in group.consumers() {
            line += &format!(", {} {} {}", one.name.escape_ascii(), one.seen_ms, one.active_ms);
        }
    }
    line
}

fn sample(field_expiry: bool) -> Vec<u8> {
    let mut hash = Hash::new();
    hash.edit(&mut Vec::new(), HASH, UnixMs::MIN, |edit| {
        edit.set(b"a", b"1", FieldExpiry::Clear);
        edit.set(b"b", b"text", if field_expiry { FieldExpiry::At(UnixMs(77)) } else { FieldExpiry::Clear });
        edit.set(b"gone", b"x", FieldExpiry::At(UnixMs(5)));
    });
    let mut out = Vec::new();
    let options = WriteOptions { compression: true, checksum: true, field_expiry };
    let mut encoder = Encoder::new(options, &NOTES, &mut out);
    encoder.database(DbIndex(0), 3, 1, &mut out);
    encoder.entries(&mut out, |entries| {
        entries.push(b"s", ValueRef::String(StringRef::Inline(b"hello")), None);
        entries.push(b"n", ValueRef::String(StringRef::Inline(b"-123")), Some(UnixMs(99)));
        entries.push(b"h", ValueRef::Hash(hash.at(UnixMs(5))), None);
    });
    encoder.database(DbIndex(7), 1, 0, &mut out);
    encoder.entries(&mut out, |entries| {
        entries.push(b"long", ValueRef::String(StringRef::Inline(&[b'z'; 1000])), None);
    });
    encoder.finish(&mut out);
    out
}

#[test]
fn a_file_says_what_was_written_however_it_comes_in_pieces() {
    let file = sample(true);
    assert_eq!(&file[..9], b"REDIS0012");
    let expected = [
        "Head(Redis(12))",
        "redis-ver: 8.0.0",
        "rustypotato-ver: 0.1.0",
        "redis-bits: 64",
        "ctime: 1700000000",
        "used-mem: 1000000",
        "aof-base: 0",
        "Database(0)",
        "Sizes { keys: 3, expiring: 1 }",
        "s -> hello",
        "n -> -123 @99",
        "h -> a=1,b=text@77",
        "Database(7)",
        "Sizes { keys: 1, expiring: 0 }",
        "long -> 1000 bytes",
        "End",
    ];
    for piece in (1..40).chain([file.len()]) {
        assert_eq!(lines(&file, piece).unwrap(), expected, "pieces of {piece}");
    }
    assert_eq!(&sample(false)[..9], b"REDIS0010");
}

#[test]
fn how_a_key_was_used_stands_before_it_and_before_no_other() {
    let mut emptied = Hash::new();
    emptied.edit(&mut Vec::new(), HASH, UnixMs::MIN, |edit| {
        edit.set(b"gone", b"x", FieldExpiry::At(UnixMs(5)));
    });
    let mut out = Vec::new();
    let options = WriteOptions { compression: true, checksum: true, field_expiry: false };
    let mut encoder = Encoder::new(options, &NOTES, &mut out);
    encoder.entries(&mut out, |entries| {
        let text = ValueRef::String(StringRef::Inline(b"v"));
        entries.push_used(b"a", text, Some(UnixMs(9)), Some(Usage::IdleSeconds(100_000)));
        entries.push_used(b"b", ValueRef::Hash(emptied.at(UnixMs(5))), None, Some(Usage::Count(7)));
        entries.push(b"c", text, None);
        entries.push_used(b"d", text, None, Some(Usage::Count(255)));
    });
    encoder.finish(&mut out);
    let mut lines = lines(&out, 5).expect("a good file");
    lines.retain(|line| line.contains("->"));
    assert_eq!(lines, ["a -> v @9 idle 100000", "c -> v", "d -> v freq 255"]);
}

#[test]
fn a_file_that_was_cut_or_changed_is_never_taken_for_whole() {
    let file = sample(true);
    for end in 0..file.len() {
        let error = lines(&file[..end], 64).expect_err("cut");
        assert_eq!(error.problem, Problem::Truncated, "{end}");
    }
    for bit in 0..file.len() * 8 {
        let mut bad = file.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        // A lower version than five has no checksum, but then eight bytes are left over.
        if let Ok(lines) = lines(&bad, bad.len()) {
            panic!("bit {bit}: {lines:?}");
        }
    }
}

#[test]
fn files_of_redis_and_valkey_with_fields_that_expire_are_read() {
    let long = "q".repeat(100);
    let z = "z".repeat(100);
    for (file, version) in [
        (&include_bytes!("../../fixtures/redis-8.0.rdb")[..], "Head(Redis(12))"),
        (include_bytes!("../../fixtures/valkey-9.1.rdb"), "Head(Valkey(80))"),
    ] {
        let mut lines = lines(file, 50).expect("a good file");
        assert_eq!(lines[0], version);
        lines.retain(|line| line.contains("->"));
        lines.sort();
        let expected = [
            format!("h -> f1=v1,f2=12,f3={z}"),
            "hx -> f1=v1@4000000000123,f2=12".to_owned(),
            format!("hy -> a=1@4000000000123,b=2,c={long}@4000000000999"),
        ];
        assert_eq!(lines, expected);
    }
}

/// A file of version 11 without checksum around these bytes.
fn file_of(items: &[u8]) -> Vec<u8> {
    [b"REDIS0011", items, b"\xff\0\0\0\0\0\0\0\0"].concat()
}

#[test]
fn every_opcode_and_old_encoding_is_read() {
    let check = |items: &[u8], expected: &[&str]| {
        let lines = lines(&file_of(items), 1000).unwrap();
        assert_eq!(lines[1..lines.len() - 1], *expected);
    };
    check(b"\xfd\x10\x00\x00\x00\x00\x01a\x01b", &["a -> b @16000"]);
    check(b"\xf8\x0a\x00\x01a\x01b\xf9\x07\x00\x01c\x01d", &["a -> b idle 10", "c -> d freq 7"]);
    check(b"\xf5\x04code", &["Function([99, 111, 100, 101])"]);
    check(b"\xf4\x01\x02\x03", &["SlotSizes"]);
    check(b"\x09\x01h\x0b\x01\x03foo\x03\x00bar\xff", &["h -> foo=bar"]);
    let ziplist = b"\x10\0\0\0\x0d\0\0\0\x02\0\0\x01f\x03\xf8\xff";
    check(&[b"\x0d\x01h\x10", &ziplist[..], b""].concat()[..], &["h -> f=7"]);
    let listpack = b"\x0c\0\0\0\x02\0\x81f\x02\x07\x01\xff";
    check(&[b"\x10\x01h\x0c", &listpack[..]].concat()[..], &["h -> f=7"]);
    check(b"\x04\x01h\x00", &["h -> "]);
}

#[test]
fn types_that_do_not_exist_are_named_with_key_and_place() {
    for (items, message) in [
        (
            &b"\x16\x02my"[..],
            "at byte 9 (key 'my'): values of type hash as release candidates of Redis 7.4 wrote it (RDB type 22) are not supported by this server",
        ),
        (b"\x63\x02my", "at byte 9 (key 'my'): there is no type or opcode 99"),
        (b"\x04\x01h\x02\x01a\x011\x01a\x012", "at byte 9 (key 'h'): a hash has the same field twice"),
        (b"\x03\x01z\x02\x01a\x011\x01a\x012", "at byte 9 (key 'z'): a sorted set has the same member twice"),
        (b"\x03\x01z\x01\x01a\xfd", "at byte 9 (key 'z'): the score of a sorted set is not a number"),
        (b"\x03\x01z\x01\x01a\x01x", "at byte 9 (key 'z'): the score of a sorted set is not a number"),
        (
            b"\x05\x01z\x01\x01a\0\0\0\0\0\0\xf8\x7f",
            "at byte 9 (key 'z'): the score of a sorted set is not a number",
        ),
        (
            b"\x11\x01z\x09\x09\0\0\0\x01\0\x01\x01\xff",
            "at byte 9 (key 'z'): a sorted set has a member without a score",
        ),
        (b"\x12\x01l\x01\x03\x01a", "at byte 9 (key 'l'): a node of a list is neither plain nor packed"),
        (b"\x10\x01h\x03abc", "at byte 9 (key 'h'): a listpack is broken"),
        (b"\x0b\x01s\x03abc", "at byte 9 (key 's'): an intset is broken"),
        (b"\x02\x01s\x02\x01a\x01a", "at byte 9 (key 's'): a set has the same member twice"),
    ] {
        assert_eq!(lines(&file_of(items), 7).expect_err("refused").to_string(), message);
    }
    for (head, problem) in [
        (b"REDIS0000", Problem::Version(0)),
        (b"REDIS0015", Problem::Version(15)),
        (b"VALKEY081", Problem::Version(81)),
        (b"REDIS00x1", Problem::Signature),
        (b"ROCKS0001", Problem::Signature),
    ] {
        assert_eq!(lines(head, 9).expect_err("refused").problem, problem);
    }
}

#[test]
fn lists_of_every_form_are_read() {
    let ziplist = b"\x0f\0\0\0\x0c\0\0\0\x02\0\0\xf2\x02\xf3\xff";
    let listpack = b"\x0b\0\0\0\x02\0\x01\x01\x02\x01\xff";
    for (kind, body) in [
        (&b"\x01"[..], b"\x02\x011\x012".to_vec()),
        (b"\x0a", [&b"\x0f"[..], ziplist].concat()),
        (b"\x0e", [&b"\x01\x0f"[..], ziplist].concat()),
        (b"\x12", [&b"\x01\x02\x0b"[..], listpack].concat()),
        (b"\x12", b"\x02\x01\x011\x01\x012".to_vec()),
    ] {
        let items = [kind, b"\x01l", &body].concat();
        let lines = lines(&file_of(&items), 7).expect("a whole file");
        assert!(lines.contains(&"l -> 1 2".to_owned()), "{kind:?}: {lines:?}");
    }
}

#[test]
fn sets_of_every_form_are_read() {
    let intset = b"\x02\0\0\0\x02\0\0\0\xff\xff\x02\0";
    let listpack = b"\x0c\0\0\0\x02\0\x81a\x02\x02\x01\xff";
    let numbers = b"\x0b\0\0\0\x02\0\x01\x01\x02\x01\xff";
    for (kind, body, expected) in [
        (&b"\x02"[..], b"\x02\x01a\xc0\x02".to_vec(), "s -> listpack a 2"),
        (b"\x02", b"\x02\x012\xc0\x01".to_vec(), "s -> intset 1 2"),
        (b"\x0b", [&b"\x0c"[..], intset].concat(), "s -> intset -1 2"),
        (b"\x14", [&b"\x0c"[..], listpack].concat(), "s -> listpack a 2"),
        (b"\x14", [&b"\x0b"[..], numbers].concat(), "s -> listpack 1 2"),
    ] {
        let items = [kind, b"\x01s", &body].concat();
        let lines = lines(&file_of(&items), 7).expect("a whole file");
        assert!(lines.contains(&expected.to_owned()), "{kind:?}: {lines:?}");
    }
}

#[test]
fn sorted_sets_of_every_form_are_read() {
    let ziplist = b"\x13\0\0\0\x10\0\0\0\x04\0\0\xf3\x02\xf8\x02\xf2\x02\xf9\xff";
    let listpack = b"\x0f\0\0\0\x04\0\x02\x01\x07\x01\x01\x01\x08\x01\xff";
    let (seven, eight) = (7_f64.to_le_bytes(), 8_f64.to_le_bytes());
    for (kind, body) in [
        (&b"\x03"[..], b"\x02\x011\x018\x012\x037.0".to_vec()),
        (b"\x05", [&b"\x02\x011"[..], &eight, b"\x012", &seven].concat()),
        (b"\x0c", [&b"\x13"[..], ziplist].concat()),
        (b"\x11", [&b"\x0f"[..], listpack].concat()),
    ] {
        let items = [kind, b"\x01z", &body].concat();
        let lines = lines(&file_of(&items), 7).expect("a whole file");
        assert!(lines.contains(&"z -> 2:7 1:8".to_owned()), "{kind:?}: {lines:?}");
    }
    let infinite = lines(&file_of(b"\x03\x01z\x02\x01a\xfe\x01b\xff"), 7).expect("a whole file");
    assert!(infinite.contains(&"z -> b:-inf a:inf".to_owned()), "{infinite:?}");
}

#[test]
fn announced_sizes_take_no_memory() {
    let mut decoder = Decoder::new(OPTIONS);
    decoder.feed(b"REDIS0011\x04\x01h\x81\x7f\xff\xff\xff\xff\xff\xff\xff\x01a\x01b\x00");
    assert!(matches!(decoder.next_item(), Ok(Some(Item::Head(_)))));
    assert!(matches!(decoder.next_item(), Ok(None)));
    let error = lines(b"REDIS0011\x00\x01k\x80\x7f\xff\xff\xff", 100).expect_err("too long");
    assert_eq!(error.problem, Problem::StringTooLong(0x7fff_ffff));
}
