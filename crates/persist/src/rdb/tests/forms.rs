//! Every form in which values have been written, byte by byte, in a file of every version that may hold it.

use stdx::checksum::crc64;

use super::super::run::Keys;
use super::*;

/// The versions of Redis that are read.
const REDIS: std::ops::RangeInclusive<u32> = 1..=14;
/// From this version on a checksum stands behind the end.
const WITH_CHECKSUM: u32 = 5;
/// What Valkey has taken over from Redis came up to this version.
const LAST_SHARED: u32 = 11;

/// A file of a version, around these bytes, and with the checksum that the version has.
fn file(head: &str, version: u32, items: &[u8]) -> Vec<u8> {
    let mut file = [head.as_bytes(), items, b"\xff"].concat();
    if version >= WITH_CHECKSUM {
        let checksum = crc64(&file);
        file.extend_from_slice(&checksum.to_le_bytes());
    }
    file
}

fn of_redis(version: u32, items: &[u8]) -> Vec<u8> {
    file(&format!("REDIS{version:04}"), version, items)
}

fn of_valkey(items: &[u8]) -> Vec<u8> {
    file("VALKEY080", 80, items)
}

/// A short string behind its length.
fn text(bytes: &[u8]) -> Vec<u8> {
    assert!(bytes.len() < 64, "the length has six bits");
    [&[bytes.len() as u8], bytes].concat()
}

/// A listpack of elements in their encoding, none so long that its length behind it needs a second byte.
fn listpack(elements: &[&[u8]]) -> Vec<u8> {
    let body: Vec<u8> =
        elements.iter().flat_map(|element| [element, &[element.len() as u8][..]].concat()).collect();
    let total = 6 + body.len() as u32 + 1;
    [&total.to_le_bytes()[..], &(elements.len() as u16).to_le_bytes(), &body, b"\xff"].concat()
}

/// A ziplist of elements in their encoding.
fn ziplist(elements: &[&[u8]]) -> Vec<u8> {
    let (mut body, mut before, mut tail) = (Vec::new(), 0, 10);
    for element in elements {
        tail = 10 + body.len() as u32;
        body.push(before);
        body.extend_from_slice(element);
        before = 1 + element.len() as u8;
    }
    let total = 10 + body.len() as u32 + 1;
    let count = elements.len() as u16;
    [&total.to_le_bytes()[..], &tail.to_le_bytes(), &count.to_le_bytes(), &body, b"\xff"].concat()
}

/// An intset of numbers of a width.
fn intset(width: u32, numbers: &[&[u8]]) -> Vec<u8> {
    [&width.to_le_bytes()[..], &(numbers.len() as u32).to_le_bytes(), &numbers.concat()].concat()
}

/// A stream with the entries 1-0 and 3-0, of which 2-0 was deleted between, and a group; `kind` is 15, 19 or 21.
fn stream(kind: u8) -> Vec<u8> {
    let id = |ms: u64| [ms.to_be_bytes(), [0; 8]].concat();
    let node = listpack(&[
        &[2],
        &[1],
        &[1],
        b"\x81n",
        &[0],
        // Flags, time and number beyond the node's, value, elements before.
        &[2],
        &[0],
        &[0],
        b"\x81a",
        &[4],
        &[3],
        &[1],
        &[0],
        b"\x81b",
        &[4],
        // One with names of its own: their number stands before them.
        &[0],
        &[2],
        &[0],
        &[1],
        b"\x81m",
        b"\x81c",
        &[6],
    ]);
    let (seen, active) = (8_u64.to_le_bytes(), 9_u64.to_le_bytes());
    let mut body = [vec![1], text(&id(1)), text(&node), vec![2, 3, 0]].concat();
    if kind > 15 {
        // The first ID, the last one that was deleted, and the entries ever added.
        body.extend_from_slice(&[1, 0, 2, 0, 3]);
    }
    body.extend_from_slice(b"\x01\x01g\x01\x00");
    if kind > 15 {
        body.push(1);
    }
    body.extend(
        [vec![1], id(1), 7_u64.to_le_bytes().to_vec(), vec![5, 1], text(b"c"), seen.to_vec()].concat(),
    );
    if kind > 19 {
        body.extend_from_slice(&active);
    }
    body.extend([vec![1], id(1)].concat());
    body
}

/// A form: the version of Redis in which it came, its number, its bytes, and what they say.
type Form = (u32, u8, Vec<u8>, &'static str);

fn strings_and_lists() -> Vec<Form> {
    let (two, ten) = (ziplist(&[b"\x01a", b"\xf3"]), ziplist(&[b"\xc0\x0a\x00"]));
    let packed = listpack(&[b"\x81a", b"\x02"]);
    vec![
        (1, 0, b"\x03abc".to_vec(), "abc"),
        (1, 0, b"\xc0\x85".to_vec(), "-123"),
        (1, 0, b"\xc1\x39\x30".to_vec(), "12345"),
        (1, 0, b"\xc2\x00\x6c\xca\x88".to_vec(), "-2000000000"),
        // A literal, then nine bytes from one byte before.
        (1, 0, b"\xc3\x05\x0a\x00z\xe0\x00\x00".to_vec(), "zzzzzzzzzz"),
        (1, 0, b"\x40\x02ab".to_vec(), "ab"),
        (1, 0, b"\x80\x00\x00\x00\x02ab".to_vec(), "ab"),
        (8, 0, b"\x81\x00\x00\x00\x00\x00\x00\x00\x02ab".to_vec(), "ab"),
        (1, 1, b"\x02\x01a\xc0\x02".to_vec(), "a 2"),
        (2, 10, text(&two), "a 2"),
        (7, 14, [vec![2], text(&two), text(&ten)].concat(), "a 2 10"),
        // A packed node and one that is an element.
        (10, 18, [vec![2, 2], text(&packed), b"\x01\x03xyz".to_vec()].concat(), "a 2 xyz"),
    ]
}

fn sets_and_sorted_sets() -> Vec<Form> {
    let scores = [&b"\x02"[..], b"\x01a", &1.5_f64.to_le_bytes(), b"\x01b", &f64::NEG_INFINITY.to_le_bytes()];
    vec![
        (1, 2, b"\x02\x01a\xc0\x02".to_vec(), "listpack a 2"),
        (2, 11, text(&intset(2, &[b"\xff\xff", b"\x02\x00"])), "intset -1 2"),
        (2, 11, text(&intset(4, &[b"\xff\xff\xff\xff", b"\x70\x11\x01\x00"])), "intset -1 70000"),
        (2, 11, text(&intset(8, &[b"\x00\x00\x00\x00\x01\x00\x00\x00"])), "intset 4294967296"),
        (11, 20, text(&listpack(&[b"\x81a", b"\x02"])), "listpack a 2"),
        (1, 3, b"\x02\x01a\x031.5\x01b\xff".to_vec(), "b:-inf a:1.5"),
        (8, 5, scores.concat(), "b:-inf a:1.5"),
        (2, 12, text(&ziplist(&[b"\x01b", b"\x04-inf", b"\x01a", b"\x031.5"])), "b:-inf a:1.5"),
        (10, 17, text(&listpack(&[b"\x81b", b"\x84-inf", b"\x81a", b"\x831.5"])), "b:-inf a:1.5"),
    ]
}

fn hashes() -> Vec<Form> {
    let first = 2000_u64.to_le_bytes();
    let pairs = b"\x01a\x01x\xc0\x02\xc0\x07";
    let times = [&first[..], b"\x02", b"\x00\x01a\x01x", b"\x06\xc0\x02\xc0\x07"].concat();
    // Those that have a time come first, the soonest at the head.
    let packed = listpack(&[b"\x02", b"\x07", b"\xc7\xd5", b"\x81a", b"\x81x", b"\x00"]);
    vec![
        (1, 4, [b"\x02", &pairs[..]].concat(), "2=7,a=x"),
        (2, 9, text(b"\x02\x01a\x01\x00x\x012\x01\x027--\xff"), "2=7,a=x"),
        (4, 13, text(&ziplist(&[b"\x01a", b"\x01x", b"\xf3", b"\xf8"])), "2=7,a=x"),
        (10, 16, text(&listpack(&[b"\x81a", b"\x81x", b"\x02", b"\x07"])), "2=7,a=x"),
        (12, 24, times, "2=7@2005,a=x"),
        (12, 25, [&first[..], &text(&packed)].concat(), "2=7@2005,a=x"),
    ]
}

fn streams() -> Vec<Form> {
    vec![
        (
            9,
            15,
            stream(15),
            "1-0 n=a; 3-0 m=c; added 2 last 3-0 deleted 0-0; g at 1-0 read Some(1), 1-0 7*5, c 8 8",
        ),
        (
            10,
            19,
            stream(19),
            "1-0 n=a; 3-0 m=c; added 3 last 3-0 deleted 2-0; g at 1-0 read Some(1), 1-0 7*5, c 8 8",
        ),
        (
            11,
            21,
            stream(21),
            "1-0 n=a; 3-0 m=c; added 3 last 3-0 deleted 2-0; g at 1-0 read Some(1), 1-0 7*5, c 8 9",
        ),
    ]
}

/// What stands between the first and the last item, whole and in pieces, and read as runs of keys.
fn check(file: &[u8], expected: &str) {
    for piece in [1, 7, file.len()] {
        let lines = lines(file, piece).unwrap_or_else(|error| panic!("{expected}: {error}"));
        assert_eq!(lines[1..lines.len() - 1], [expected], "{:?}", lines[0]);
    }
    let mut decoder = Decoder::new(OPTIONS);
    decoder.feed(file);
    let Ok(Some(Item::Head(_))) = decoder.next_item() else { panic!("a head") };
    // A form that cannot be passed over is read where it lies.
    let Some(run) = decoder.next_run(1 << 20) else {
        assert_eq!(line(decoder.next_item().expect("good").expect("whole")), expected);
        return;
    };
    let keys: Vec<String> = Keys::new(run.bytes, run.offset, run.format, OPTIONS)
        .map(|entry| line(Item::Entry(entry.expect("a good key"))))
        .collect();
    assert_eq!(keys, [expected]);
    assert!(matches!(decoder.next_item(), Ok(Some(Item::End))), "{expected}");
}

#[test]
fn every_form_is_read_in_files_of_every_version_that_may_hold_it() {
    let forms = [strings_and_lists(), sets_and_sorted_sets(), hashes(), streams()].concat();
    for (since, kind, body, expected) in forms {
        let items = [&[kind][..], b"\x01k", &body].concat();
        let expected = format!("k -> {expected}");
        for version in REDIS.filter(|&version| version >= since) {
            check(&of_redis(version, &items), &expected);
        }
        if since <= LAST_SHARED {
            check(&of_valkey(&items), &expected);
        }
    }
    let timed = [&b"\x16\x01k\x02\x01a\x01x"[..], &[0xff; 8], b"\xc0\x02\xc0\x07", &2005_u64.to_le_bytes()];
    check(&of_valkey(&timed.concat()), "k -> 2=7@2005,a=x");
}

#[test]
fn a_number_means_what_it_means_in_its_format() {
    let timed = [&b"\x16\x01k\x01\x01a\x01x"[..], &[0xff; 8]].concat();
    let error = lines(&of_redis(12, &timed), 99).expect_err("refused");
    assert_eq!(error.problem, Problem::Unsupported("hash as release candidates of Redis 7.4 wrote it", 22));
    for kind in [24, 25] {
        let items = [&[kind][..], b"\x01k", &[0; 8], b"\x00"].concat();
        let error = lines(&of_valkey(&items), 99).expect_err("refused");
        assert_eq!(error.problem, Problem::UnknownType(kind));
    }
}

#[test]
fn what_stands_beside_the_values_is_read_in_files_of_every_version_that_may_hold_it() {
    let seconds = [&b"\xfd"[..], &16_i32.to_le_bytes(), b"\x00\x01k\x01v"].concat();
    let milliseconds = [&b"\xfc"[..], &16_500_u64.to_le_bytes(), b"\x00\x01k\x01v"].concat();
    for (since, items, expected) in [
        (1, &b"\xfe\x03"[..], "Database(3)"),
        (1, &seconds, "k -> v @16000"),
        (3, &milliseconds, "k -> v @16500"),
        (7, b"\xfa\x04name\x05value", "name: value"),
        (7, b"\xfb\x05\x02", "Sizes { keys: 5, expiring: 2 }"),
        (9, b"\xf8\x40\x64\x00\x01k\x01v", "k -> v idle 100"),
        (9, b"\xf9\xc8\x00\x01k\x01v", "k -> v freq 200"),
        (10, b"\xf5\x04code", "Function([99, 111, 100, 101])"),
        (11, b"\xf4\x01\x02\x03", "SlotSizes"),
    ] {
        for version in REDIS.filter(|&version| version >= since) {
            check_item(&of_redis(version, items), expected);
        }
        check_item(&of_valkey(items), expected);
    }
}

fn check_item(file: &[u8], expected: &str) {
    let lines = lines(file, 3).unwrap_or_else(|error| panic!("{expected}: {error}"));
    assert_eq!(lines[1..lines.len() - 1], [expected], "{:?}", lines[0]);
}

/// The number of the module type `ReJSON-RL`, in the encoding of version 3, as a length.
const JSON: [u8; 9] = [0x81, 0x45, 0xe2, 0x52, 0x38, 0xdf, 0x91, 0x2c, 0x03];

#[test]
fn what_modules_wrote_is_named() {
    let beside = [&b"\xf7"[..], &JSON, b"\x02\x02\x05\x03abc\x01\x07\x00\x00\x01k\x01v"].concat();
    let found = lines(&of_redis(9, &beside), 3).expect("data beside the keys is passed over");
    assert_eq!(found[1..3], ["ModuleData(\"ReJSON-RL\")", "k -> v"]);
    for kind in [6, 7] {
        let value = [&[kind][..], b"\x01k", &JSON, b"\x05\x03abc\x00"].concat();
        let error = lines(&of_redis(9, &value), 3).expect_err("refused");
        let message = format!(
            "at byte 9 (key 'k'): values of the module type ReJSON-RL (RDB type {kind}) are not supported by this server"
        );
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn what_no_release_has_written_or_nobody_can_take_over_is_named() {
    let error = lines(&of_redis(10, b"\xf6\x01f\x03LUA\x00\x04code"), 3).expect_err("refused");
    let message = "at byte 9: values of type functions as release candidates of Redis 7.0 wrote them (RDB type 246) are not supported by this server";
    assert_eq!(error.to_string(), message);
    let error = lines(&of_valkey(b"\xf3\x03job\x01\x00\x09"), 3).expect_err("refused");
    let message = "at byte 9: values of type slots that a node of Valkey was taking over (RDB type 243) are not supported by this server";
    assert_eq!(error.to_string(), message);
}

#[test]
fn a_version_that_is_not_known_is_named_with_those_that_are() {
    for (head, version) in
        [("REDIS0000", 0), ("REDIS0015", 15), ("REDIS0080", 80), ("REDIS9999", 9999), ("VALKEY081", 81)]
    {
        let error = lines(&file(head, 9, b""), 3).expect_err("refused");
        let known = "is not known here: those up to 14 of Redis and 80 of Valkey are";
        assert_eq!(error.to_string(), format!("at byte 0: RDB version {version} {known}"));
    }
}

#[test]
fn a_checksum_counts_from_the_version_on_that_has_one() {
    for version in REDIS {
        let mut bytes = of_redis(version, b"\x00\x01k\x01v");
        assert_eq!(bytes.len() == 9 + 5 + 1, version < WITH_CHECKSUM);
        if let Some(last) = bytes.last_mut().filter(|_| version >= WITH_CHECKSUM) {
            *last ^= 1;
            let error = lines(&bytes, 3).expect_err("refused");
            assert!(matches!(error.problem, Problem::Checksum { .. }), "{version}: {error}");
        }
    }
}
