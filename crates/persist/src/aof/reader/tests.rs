//! Files with and without batches, whole, torn and damaged.

use resp::write_command;
use stdx::time::UnixMs;

use super::super::batch::{ANNOUNCEMENT, Framer, Head};
use super::*;

fn file() -> Vec<u8> {
    let mut bytes = Vec::new();
    write_command(&mut bytes, &["SET", "a", "1"]);
    bytes.extend_from_slice(b"#TS:1700000000\r\n");
    write_command(&mut bytes, &["MULTI"]);
    write_command(&mut bytes, &["SET", "b", "2"]);
    write_command(&mut bytes, &["SET", "c", "3"]);
    write_command(&mut bytes, &["EXEC"]);
    bytes
}

/// The keys set by what a reader hands over, and where it stopped.
fn read(bytes: &[u8], piece: usize) -> (String, u64) {
    let mut reader = Reader::new(0);
    let mut keys = String::new();
    let mut pending = Vec::new();
    for piece in bytes.chunks(piece) {
        pending.extend_from_slice(piece);
        let consumed = reader
            .read(&pending, &mut |buffer, args| {
                keys.push_str(&String::from_utf8_lossy(&buffer[args[1].clone()]));
                Ok(())
            })
            .expect("no damage");
        pending.drain(..consumed);
    }
    (keys, reader.applied())
}

#[test]
fn any_way_to_cut_the_file_into_pieces_gives_the_same() {
    let file = file();
    for piece in 1..=file.len() {
        assert_eq!(read(&file, piece), ("abc".to_owned(), file.len() as u64), "pieces of {piece}");
    }
}

#[test]
fn a_torn_file_gives_whole_commands_and_whole_transactions() {
    let file = file();
    for end in 0..file.len() {
        let (keys, applied) = read(&file[..end], 7);
        assert!(keys.is_empty() || keys == "a", "half a transaction is not applied");
        assert!(applied <= end as u64);
    }
}

#[test]
fn damage_is_told_with_its_place() {
    let mut file = file();
    let place = file.len() as u64;
    file.extend_from_slice(b"garbage");
    let error = Reader::new(0).read(&file, &mut |_, _| Ok(())).expect_err("no command");
    assert_eq!(error.offset, place);
    let error = Reader::new(0).read(&file, &mut |_, _| Err("unknown".into())).expect_err("refused");
    assert_eq!((error.offset, error.reason), (0, "unknown".into()));
}

/// How a file ends that is read in pieces of 10 bytes.
fn end(bytes: &[u8]) -> Result<Tail, Damage> {
    let mut reader = Reader::new(0);
    let mut pending = Vec::new();
    for piece in bytes.chunks(10) {
        pending.extend_from_slice(piece);
        let consumed = reader.read(&pending, &mut |_, _| Ok(()))?;
        pending.drain(..consumed);
    }
    reader.end(&pending)
}

#[test]
fn zeros_at_the_end_are_a_torn_tail_and_zeros_before_more_are_damage() {
    let mut file = file();
    let whole = file.len() as u64;
    assert_eq!(end(&file), Ok(Tail::Whole));
    file.extend_from_slice(&[0; 100]);
    assert_eq!(end(&file), Ok(Tail::Torn(whole)));
    file.extend_from_slice(&self::file());
    assert_eq!(end(&file).expect_err("zeros inside").offset, whole);
}

#[test]
fn every_torn_tail_is_known_as_one() {
    let file = file();
    for length in 1..file.len() {
        let torn = end(&file[..length]).expect("torn, not damaged");
        assert!(torn == Tail::Whole || matches!(torn, Tail::Torn(whole) if whole < length as u64));
    }
}

#[test]
fn a_length_that_swallows_what_follows_is_damage() {
    let file = String::from_utf8(file()).expect("ASCII").replacen("$1\r\n1", "$999\r\n1", 1);
    let error = end(file.as_bytes()).expect_err("damaged");
    assert_eq!(error.to_string(), "at byte 0: a command is broken, and whole commands follow it");
}

#[test]
fn an_argument_of_4_gib_is_waited_for_and_a_longer_one_is_damage() {
    let file = file();
    let whole = file.len() as u64;
    for (length, found) in [
        ("4294967296", Ok(Tail::Torn(whole))),
        ("4294967297", Err(whole)),
        ("9223372036854775807", Err(whole)),
    ] {
        let head = format!("*3\r\n$3\r\nSET\r\n$1\r\nd\r\n${length}\r\n");
        let end = end(&[&file[..], head.as_bytes()].concat());
        // The head alone is there: nothing is made ready for what it announces.
        assert_eq!(end.map_err(|damage| damage.offset), found, "{length}");
    }
}

#[test]
fn a_transaction_that_was_discarded_never_happened() {
    let mut bytes = Vec::new();
    for command in [&["MULTI"][..], &["SET", "a", "1"], &["DISCARD"], &["SET", "b", "1"]] {
        write_command(&mut bytes, command);
    }
    assert_eq!(read(&bytes, 9), ("b".to_owned(), bytes.len() as u64));
}

/// What Redis has written, and the announcement of batches behind it, which a power cut has torn, are told
/// apart wherever the line stands.
#[test]
fn an_announcement_behind_what_redis_has_written_may_be_torn_anywhere() {
    for padding in [0, 400, 500] {
        let mut file = file();
        write_command(&mut file, &["SET", "long", &"x".repeat(padding)]);
        let whole = file.len();
        file.extend_from_slice(ANNOUNCEMENT);
        assert_eq!(end(&file), Ok(Tail::Whole));
        for cut in whole + 1..=file.len() {
            for from in whole..cut {
                for to in from..=cut {
                    let mut torn = file[..cut].to_vec();
                    torn[from..to].fill(0);
                    let is_whole = torn == file;
                    let expected = if is_whole { Tail::Whole } else { Tail::Torn(whole as u64) };
                    assert_eq!(end(&torn), Ok(expected), "{}", torn[whole..].escape_ascii());
                    if !is_whole && to > from {
                        torn.extend_from_slice(&self::file());
                        assert!(
                            end(&torn).is_err(),
                            "nothing stood behind it: {}",
                            torn[whole..].escape_ascii()
                        );
                    }
                }
            }
        }
        for other in [&b"#BATCHES:2\r\n"[..], b"#BATCHES:1\n\0", b"#BATCH\0\0\0\0\r\n\0", b"\0\0x"] {
            let torn = [&file[..whole], other].concat();
            assert!(end(&torn).is_err(), "{}", other.escape_ascii());
        }
    }
}

/// Three batches behind a time and a command of Redis, as they come into a file of which so many bytes were synced
/// before each: keys `b`, `c` and `d`, `e`, and a long `f`.
fn batches(synced: [u64; 3]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_command(&mut bytes, &["SET", "a", "1"]);
    let mut framer = Framer::following(Chain { number: 6, link: 5 });
    let long = "x".repeat(1500);
    for (synced, units) in
        synced.into_iter().zip([&[("b", "1")][..], &[("c", "2"), ("d", &long)], &[("e", "1"), ("f", &long)]])
    {
        framer.annotate_time(UnixMs(5000), &mut bytes);
        let mut commands = Vec::new();
        if units.len() > 1 {
            write_command(&mut commands, &["MULTI"]);
        }
        for (key, value) in units {
            write_command(&mut commands, &["SET", key, value]);
        }
        if units.len() > 1 {
            write_command(&mut commands, &["EXEC"]);
        }
        framer.frame(&commands, UnixMs(5001), synced, &mut bytes);
    }
    bytes
}

/// The keys that are handed over, and how the file ends, in pieces of some bytes.
fn keys_and_end(bytes: &[u8], piece: usize) -> (String, Result<Tail, Damage>) {
    let mut reader = Reader::new(0);
    let (mut keys, mut pending) = (String::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        pending.extend_from_slice(piece);
        let read = reader.read(&pending, &mut |buffer, args| {
            keys.push_str(&String::from_utf8_lossy(&buffer[args[1].clone()]));
            Ok(())
        });
        match read {
            Ok(consumed) => drop(pending.drain(..consumed)),
            Err(damage) => return (keys, Err(damage)),
        }
    }
    let end = reader.end(&pending);
    (keys, end)
}

#[test]
fn batches_come_back_whole_however_the_file_is_cut() {
    let bytes = batches([0; 3]);
    for end in 0..=bytes.len() {
        let (keys, tail) = keys_and_end(&bytes[..end], 100);
        assert!(["", "a", "ab", "abcd", "abcdef"].contains(&&*keys), "{end}: {keys}");
        match tail.expect("torn, not damaged") {
            Tail::Whole => {}
            Tail::Torn(kept) => {
                let (again, tail) = keys_and_end(&bytes[..kept as usize], 1000);
                assert_eq!((again, tail), (keys, Ok(Tail::Whole)), "{end}");
            }
        }
    }
    assert_eq!(keys_and_end(&bytes, bytes.len()), ("abcdef".to_owned(), Ok(Tail::Whole)));
}

#[test]
fn no_changed_bit_gives_a_wrong_value_or_costs_a_whole_batch() {
    let bytes = batches([0, 30, 120]);
    let first = bytes.iter().position(|&byte| byte == b'#').expect("batches begin with a time");
    for bit in 8 * first..8 * bytes.len() {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let (keys, end) = keys_and_end(&changed, 997);
        // What names a batch may be damaged so that it looks like a comment; then the last
        // batch counts without being checked.
        let is_right = end.is_err() || (keys == "abcdef" && end == Ok(Tail::Whole));
        assert!(is_right && "abcdef".starts_with(&keys), "bit {bit}: {keys}, {end:?}");
    }
}

#[test]
fn what_stands_between_commands_is_told_with_its_place() {
    let bytes = batches([0; 3]);
    let mut marks = Vec::new();
    let mut take = |part: Part<'_>| {
        marks.push(match part {
            Part::Mark(Mark::Batch(batch)) => {
                let line = &bytes[batch.offset as usize..];
                assert!(line.starts_with(format!("#BATCH:{} {}", batch.number, batch.time.0).as_bytes()));
                let end = (batch.offset + batch.length) as usize;
                assert!(end == bytes.len() || bytes[end..].starts_with(b"#TS:"));
                format!("batch {}", batch.number)
            }
            Part::Mark(Mark::EndOfBatch) => "end".to_owned(),
            Part::Mark(Mark::Announcement) => "announcement".to_owned(),
            Part::Mark(Mark::Transaction(count)) => format!("transaction of {count}"),
            Part::Mark(Mark::Annotation { offset, line }) => {
                assert!(bytes[offset as usize..].starts_with(line));
                line.trim_ascii_end().escape_ascii().to_string()
            }
            Part::Command(buffer, args) => String::from_utf8_lossy(&buffer[args[1].clone()]).into_owned(),
            part @ (Part::Item(_) | Part::Run(_)) => panic!("{part:?}"),
        });
        Ok(())
    };
    assert_eq!(Reader::new(0).visit(&bytes, &mut take), Ok(bytes.len()));
    let expected = "a, #TS:5, batch 7, b, end, #TS:5, batch 8, transaction of 2, c, d, end, #TS:5, batch 9, \
                    transaction of 2, e, f, end";
    assert_eq!(marks.join(", "), expected);
}

#[test]
fn a_mark_that_is_refused_leaves_what_stands_before_it() {
    let bytes = batches([0; 3]);
    for number in 7..=9 {
        let mut reader = Reader::new(0);
        let read = reader.visit(&bytes, &mut |part| match part {
            Part::Mark(Mark::Batch(batch)) if batch.number == number => Err("not this one".into()),
            _ => Ok(()),
        });
        let damage = read.expect_err("it is refused");
        assert_eq!((damage.batch, damage.offset), (Some(number), reader.applied()));
        assert!(bytes[reader.applied() as usize..].starts_with(format!("#BATCH:{number} ").as_bytes()));
    }
}

#[test]
fn damage_is_told_with_its_batch() {
    let bytes = batches([0; 3]);
    let place =
        |text: &[u8]| bytes.windows(text.len()).position(|window| window == text).expect("it is there");
    for (text, changed, told) in [
        (
            &b"SET\r\n$1\r\nc"[..],
            &b"SET\r\n$1\r\nC"[..],
            "batch 8: its content does not have the checksum that its line tells",
        ),
        (b"#BATCH:8", b"#BATCH:9", "batch 8: its line is damaged"),
        (b"\n#BATCH:8", b"\n#batch:8", "batch 9: it stands where batch 8 belongs"),
        (b"#TS:5", b"#TS:6", "batch 7: it does not follow on what stands before it"),
    ] {
        let at = place(text);
        let damaged = [&bytes[..at], changed, &bytes[at + text.len()..]].concat();
        let mut reader = Reader::new(0).following(Some(Chain { number: 6, link: 5 }));
        // As if the command before the first batch had been there when it was written.
        let mut damaged = damaged.as_slice();
        damaged = &damaged[place(b"#TS")..];
        let mut ignore = |_: &[u8], _: &[Range<usize>]| Ok(());
        let error = reader.read(damaged, &mut ignore).and_then(|_| reader.end(b"")).expect_err("damaged");
        assert!(error.to_string().ends_with(told), "{error}");
    }
}

/// Loses what stands in sectors.
fn without(bytes: &[u8], sectors: Range<usize>) -> Vec<u8> {
    let mut left = bytes.to_vec();
    let end = left.len().min(512 * sectors.end);
    left[512 * sectors.start..end].fill(0);
    left
}

#[test]
fn sectors_that_never_came_to_the_disk_are_torn_unless_they_had_been_synced() {
    let bytes = batches([0; 3]);
    for sector in 0..bytes.len().div_ceil(512) {
        let (keys, end) = keys_and_end(&without(&bytes, sector..sector + 1), 100);
        let Ok(Tail::Torn(kept)) = end else { panic!("sector {sector}: {end:?}") };
        assert_eq!(keys_and_end(&bytes[..kept as usize], 100), (keys.clone(), Ok(Tail::Whole)));
        let expected = ["", "ab", "ab", "ab", "abcd", "abcd", "abcd"];
        assert_eq!(keys, expected[sector], "sector {sector}");
    }
    // The third batch says that the first two were on disk when it was written.
    let bytes = batches([0, 0, 1700]);
    for (sector, keys) in [(0, ""), (1, "ab")] {
        let (seen, end) = keys_and_end(&without(&bytes, sector..sector + 1), 100);
        assert!(end.is_err() && seen == keys, "sector {sector}: {seen}, {end:?}");
    }
}

/// Batches of one key each, `a`, `b` and so on, with these values, when so many bytes were
/// synced. Gives the place of each, too.
fn batches_of(values: &[&[u8]], synced: u64) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut places) = (Vec::new(), Vec::new());
    let mut framer = Framer::following(Chain { number: 6, link: 5 });
    for (value, key) in values.iter().zip(b'a'..) {
        places.push(bytes.len());
        let mut commands = Vec::new();
        write_command(&mut commands, &[b"SET", &[key][..], value]);
        framer.frame(&commands, UnixMs(5001), synced.min(bytes.len() as u64), &mut bytes);
    }
    (bytes, places)
}

/// A value of 4 kB with a line in it as batches have it. Nothing seems to follow that line.
fn value_like_a_batch(number: u64, synced: u64) -> Vec<u8> {
    let mut value = b"x".repeat(1000);
    value.push(b'\n');
    Head { number, time: UnixMs(i64::MAX), synced, length: 0, link: 0, content: 0 }.write(&mut value);
    value.extend_from_slice(&b"x".repeat(3000));
    value
}

/// Loses the sector that begins at or after a place.
fn without_sector_at(bytes: &[u8], place: usize) -> Vec<u8> {
    let sector = place.div_ceil(512);
    without(bytes, sector..sector + 1)
}

#[test]
fn a_hole_is_damage_if_a_batch_behind_it_is_a_minute_later() {
    let value = b"1".repeat(700);
    let mut bytes = Vec::new();
    let mut framer = Framer::default();
    for time in [0, 1000, 60_000, 60_999] {
        let mut commands = Vec::new();
        write_command(&mut commands, &[b"SET", b"key", &value[..]]);
        framer.frame(&commands, UnixMs(time), 0, &mut bytes);
    }
    let places: Vec<usize> =
        bytes.windows(7).enumerate().filter(|(_, text)| text == b"#BATCH:").map(|(at, _)| at).collect();
    let is_damage = |bytes: &[u8], from: usize| {
        let mut torn = bytes.to_vec();
        torn[from.next_multiple_of(512)..][..512].fill(0);
        keys_and_end(&torn, 100).1.is_err()
    };
    // The first batch was written a minute before the third, the second one not before the fourth.
    assert!(is_damage(&bytes, places[0] + 100));
    assert!(!is_damage(&bytes, places[1] + 200));
    // Without the line of the first batch nobody knows that it is not of the time of the second one.
    assert!(!is_damage(&bytes, 0));
    framer.frame(b"*1\r\n$4\r\nPING\r\n", UnixMs(61_000), 0, &mut bytes);
    assert!(
        is_damage(&bytes, 0) && is_damage(&bytes, places[1] + 200) && !is_damage(&bytes, places[2] + 200)
    );
}

#[test]
fn what_is_cut_off_is_told_up_to_its_last_batch() {
    let (bytes, places) = batches_of(&[b"1", &b"2".repeat(2000), b"3"], 0);
    let lost = |bytes: &[u8]| {
        let mut reader = Reader::new(0);
        let read = reader.read(bytes, &mut |_, _| Ok(())).expect("torn at most");
        reader.end(&bytes[read..]).expect("torn at most");
        reader.last_lost(&bytes[read..]).map(|last| (last.number, last.time.0))
    };
    assert_eq!(lost(&bytes), None);
    assert_eq!(lost(&bytes[..places[2] + 10]), None);
    assert_eq!(lost(&bytes[..places[2] - 1]), Some((8, 5001)));
    assert_eq!(lost(&without_sector_at(&bytes, 600)), Some((9, 5001)));
}

#[test]
fn a_value_like_a_batch_does_not_make_a_torn_batch_damaged() {
    for (number, synced) in [(8, 0), (8, 200), (9_999_999_999, 9_999_999_999), (9_999_999_999, 1000)] {
        let value = value_like_a_batch(number, synced);
        let (bytes, places) = batches_of(&[b"1", &value, &value, b"2"], 0);
        // Before that line, and behind it.
        for (batch, behind, keys) in [(1, 200, "a"), (1, 2000, "a"), (2, 200, "ab"), (2, 2000, "ab")] {
            let (seen, end) = keys_and_end(&without_sector_at(&bytes, places[batch] + behind), 100);
            assert_eq!(
                (&*seen, end),
                (keys, Ok(Tail::Torn(places[batch] as u64))),
                "{number} {synced} {behind}"
            );
        }
    }
}

#[test]
fn a_value_like_a_batch_does_not_hide_what_had_been_synced() {
    let value = value_like_a_batch(8, 0);
    let (bytes, places) = batches_of(&[b"1", &value, &value, b"2"], 4000);
    let (keys, end) = keys_and_end(&without_sector_at(&bytes, places[1] + 2000), 100);
    assert_eq!((&*keys, end.expect_err("the last batch says that it was on disk").batch), ("a", Some(8)));
}

#[test]
fn what_follows_on_a_lost_line_must_fit_its_place() {
    // The line of the second batch is lost, and what follows in it says of itself that it is older, or that more was
    // synced than there is.
    for (number, synced) in [(7, 150), (9_999_999_999, 9_999_999_999)] {
        let value = [&b"x".repeat(400)[..], &value_like_a_batch(number, synced)].concat();
        let (bytes, places) = batches_of(&[&b"1".repeat(400), &value, b"2"], 0);
        assert!((400..512).contains(&places[1]), "its line stands in two sectors");
        let (keys, end) = keys_and_end(&without(&bytes, 1..2), 100);
        assert_eq!((&*keys, end), ("a", Ok(Tail::Torn(places[1] as u64))));
    }
}

#[test]
fn a_hole_in_the_first_batch_is_known_as_one() {
    let (bytes, places) = batches_of(&[&b"1".repeat(2000)], 0);
    assert_eq!(keys_and_end(&without_sector_at(&bytes, 600), 100).1, Ok(Tail::Torn(places[0] as u64)));
}

#[test]
fn a_value_like_a_batch_does_not_make_a_hole_in_a_file_of_redis_torn() {
    let value = value_like_a_batch(8, 0);
    let mut bytes = Vec::new();
    write_command(&mut bytes, &[&b"SET"[..], b"a", &b"1".repeat(512 - 28)[..]]);
    let hole = bytes.len();
    assert_eq!(hole, 512);
    for value in [&b"1".repeat(600)[..], &value, b"2"] {
        write_command(&mut bytes, &[&b"SET"[..], b"b", value]);
    }
    let damage = keys_and_end(&without_sector_at(&bytes, hole), 100).1.expect_err("damaged");
    assert_eq!((damage.offset, damage.batch), (512, None));
}

#[test]
fn redis_may_go_on_where_batches_end_and_batches_where_redis_ends() {
    let mut bytes = batches([0; 3]);
    write_command(&mut bytes, &["SET", "g", "1"]);
    let mut reader = Reader::new(0);
    let mut ignore = |_: &[u8], _: &[Range<usize>]| Ok(());
    assert_eq!(reader.read(&bytes, &mut ignore), Ok(bytes.len()));
    let mut framer = Framer::following(reader.chain().expect("there are batches"));
    let mut commands = Vec::new();
    write_command(&mut commands, &["SET", "h", "1"]);
    framer.frame(&commands, UnixMs(6000), 0, &mut bytes);
    assert_eq!(keys_and_end(&bytes, 100), ("abcdefgh".to_owned(), Ok(Tail::Whole)));
    // What Redis has written is checked from then on.
    let at = bytes.windows(3).position(|window| window == b"\ng\r").expect("it is there");
    bytes[at + 1] = b'G';
    assert_eq!(keys_and_end(&bytes, 100).1.expect_err("damaged").batch, Some(10));
}

/// A first batch of three sectors and a second one, behind the line that announces them or not.
fn announced(is_announced: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    if is_announced {
        bytes.extend_from_slice(ANNOUNCEMENT);
    }
    let mut framer = Framer::default();
    for key in ["a", "b"] {
        let mut commands = Vec::new();
        write_command(&mut commands, &["SET", key, &key.repeat(1400)]);
        framer.frame(&commands, UnixMs(1), 0, &mut bytes);
    }
    bytes
}

#[test]
fn what_is_left_of_a_first_batch_is_known_where_it_was_announced() {
    let start = ANNOUNCEMENT.len();
    let whole = announced(true);
    assert_eq!(keys_and_end(&whole, 100), ("ab".to_owned(), Ok(Tail::Whole)));
    for (lost, keys) in [(0, ""), (1, ""), (2, ""), (4, "a")] {
        // Of the first sector the line is left, which had been on disk before.
        let mut torn = without(&whole, lost..lost + 1);
        torn[..start].copy_from_slice(ANNOUNCEMENT);
        for length in [torn.len(), 5 * 512 + 1] {
            let (seen, end) = keys_and_end(&torn[..length], 100);
            let kept = if keys.is_empty() { start } else { whole.len() - (whole.len() - start) / 2 };
            assert_eq!((&*seen, end), (keys, Ok(Tail::Torn(kept as u64))), "sector {lost}, {length} bytes");
        }
    }
    // Without the line this may be a file of Redis that has been damaged.
    let unknown = without(&announced(false), 0..1);
    assert!(keys_and_end(&unknown[..1300], 100).1.is_err());
}

#[test]
fn an_announcement_stands_in_no_chain_and_tells_the_form() {
    let mut bytes = announced(false);
    let second = bytes.len() / 2;
    assert!(bytes[second..].starts_with(b"#BATCH:2"));
    bytes.splice(second..second, ANNOUNCEMENT.iter().copied());
    assert_eq!(keys_and_end(&bytes, 7), ("ab".to_owned(), Ok(Tail::Whole)));
    let other = [&b"#BATCHES:2\r\n"[..], &bytes].concat();
    let damage = keys_and_end(&other, 7).1.expect_err("it is not known");
    assert_eq!(damage.to_string(), "at byte 0: it announces batches of a form that is not known here");
}
