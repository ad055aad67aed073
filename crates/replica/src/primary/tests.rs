//! Who is sent what, as a text for each follower.

use std::collections::BTreeMap;

use super::*;
use crate::encoder::tests::{run, words};

const NAME: &str = "8371b4fb1155b71f4a04d3e1bc3e18c4a990aeeb";

/// What each follower was sent: lines and the stream as words, `[snapshot]`, `[closed]`.
#[derive(Default)]
struct Sent(BTreeMap<u64, Vec<u8>>);

impl Sent {
    fn take(&mut self, notes: impl IntoIterator<Item = Note>) {
        for Note { to, what } in notes {
            let text = self.0.entry(to).or_default();
            match what {
                What::Line(bytes) => text.extend_from_slice(&bytes),
                What::Stream(bytes) => text.extend_from_slice(&bytes),
                What::Snapshot { is_last } => {
                    text.extend_from_slice(if is_last { b"[snapshot, last]\r\n" } else { b"[snapshot]\r\n" });
                }
                What::Refused => text.extend_from_slice(b"[closed]\r\n"),
            }
        }
    }

    fn check(&self, follower: u64, expected: &str) {
        assert_eq!(words(self.0.get(&follower).map_or(&b""[..], Vec::as_slice)), expected);
    }
}

fn primary() -> Primary<u8> {
    Primary::new(NAME.to_owned(), 1000)
}

/// SYNC.
fn sync(follower: u64) -> Asked<u8> {
    Asked { follower, wants_place: false, from: None, knows_names: false, snapshot_only: false, content: 0 }
}

/// PSYNC from a place.
fn psync(follower: u64, name: &str, place: u64) -> Asked<u8> {
    let from = Some((name.as_bytes().to_vec(), place));
    Asked { wants_place: true, from, knows_names: true, ..sync(follower) }
}

#[test]
fn a_follower_gets_the_snapshot_and_then_all_that_was_pushed_behind_its_cut() {
    let (mut primary, mut sent) = (primary(), Sent::default());
    assert_eq!(primary.ask(psync(1, "?", 0)), None);
    assert!(primary.wants_snapshot() && !primary.is_fed());
    let start = primary.cut().expect("somebody waits");
    assert!(!primary.wants_snapshot() && primary.is_fed());
    sent.take(start.notes);
    sent.check(1, &format!("+FULLRESYNC {NAME} 0"));
    sent.take(primary.push(&run(&[(1, 9, "SET a 1"), (1, 9, "SET b 2")])));
    sent.check(1, &format!("+FULLRESYNC {NAME} 0"));
    sent.take(primary.written(true));
    sent.take(primary.push(&run(&[(2, 9, "DEL a")])));
    sent.check(1, &format!("+FULLRESYNC {NAME} 0 [snapshot] SELECT 9 MULTI SET a 1 SET b 2 EXEC DEL a"));
}

#[test]
fn who_asks_while_a_snapshot_is_written_waits_for_the_next_and_lets_the_others_go_on() {
    let (mut primary, mut sent) = (primary(), Sent::default());
    primary.ask(sync(1));
    sent.take(primary.cut().expect("somebody waits").notes);
    sent.take(primary.push(&run(&[(1, 0, "SET a 1")])));
    primary.ask(sync(2));
    assert!(!primary.wants_snapshot(), "one at a time");
    sent.take(primary.keep_waiting());
    sent.take(primary.written(true));
    assert!(primary.wants_snapshot());
    sent.take(primary.push(&run(&[(2, 0, "SET b 1")])));
    sent.take(primary.cut().expect("somebody waits").notes);
    sent.take(primary.push(&run(&[(3, 0, "SET c 1")])));
    sent.take(primary.written(true));
    sent.check(1, "[snapshot] SELECT 0 SET a 1 SET b 1 SELECT 0 SET c 1");
    sent.check(2, "[snapshot] SELECT 0 SET c 1");
    assert!(sent.0[&1].starts_with(b"\n[") && sent.0[&2].starts_with(b"\n["), "both were told to wait");
}

#[test]
fn those_who_want_other_data_wait_for_another_snapshot() {
    let (mut primary, mut sent) = (primary(), Sent::default());
    primary.ask(Asked { content: 7, snapshot_only: true, ..sync(1) });
    primary.ask(sync(2));
    assert_eq!(primary.cut().expect("somebody waits").content, 7);
    sent.take(primary.push(&run(&[(1, 0, "SET a 1")])));
    sent.take(primary.written(true));
    sent.check(1, "[snapshot, last]");
    sent.check(2, "");
    assert_eq!(primary.cut().expect("somebody waits").content, 0);
    sent.take(primary.written(true));
    sent.take(primary.push(&run(&[(2, 0, "SET b 1")])));
    sent.check(1, "[snapshot, last]");
    sent.check(2, "[snapshot] SELECT 0 SET b 1");
}

#[test]
fn without_a_snapshot_those_who_wait_for_it_are_closed() {
    let (mut primary, mut sent) = (primary(), Sent::default());
    primary.ask(sync(1));
    primary.cut();
    primary.ask(sync(2));
    sent.take(primary.written(false));
    sent.check(1, "[closed]");
    sent.check(2, "");
    assert!(primary.wants_snapshot());
}

#[test]
fn what_gathers_is_counted_and_given_up_with_those_who_wait_for_it() {
    let (mut primary, mut sent) = (primary(), Sent::default());
    primary.ask(sync(1));
    primary.cut();
    let value = "x".repeat(PIECE_BYTES);
    for unit in 0..3 {
        sent.take(primary.push(&run(&[(unit, 0, &format!("SET a {value}"))])));
    }
    assert!(primary.gathered_bytes() > 3 * PIECE_BYTES);
    sent.take(primary.refuse_catching_up());
    assert_eq!((primary.gathered_bytes(), primary.is_alone()), (0, true));
    primary.push(&run(&[(9, 0, "SET a 1")]));
    assert_eq!(primary.gathered_bytes(), 0, "nobody would get it");
    assert_eq!(primary.written(true), []);
    sent.check(1, "[closed]");
}

#[test]
fn a_follower_goes_on_where_it_was_if_the_backlog_holds_that() {
    let (mut primary, mut sent) = (primary(), Sent::default());
    primary.ask(sync(1));
    primary.cut();
    primary.written(true);
    primary.push(&run(&[(1, 0, "SET a 1")]));
    let seen = primary.offset();
    primary.leave(1);
    primary.push(&run(&[(2, 0, "SET b 1")]));
    sent.take(primary.ask(psync(2, NAME, seen + 1)));
    sent.take(primary.push(&run(&[(3, 0, "SET c 1")])));
    sent.check(2, &format!("+CONTINUE {NAME} SET b 1 SET c 1"));

    for (follower, name, place) in
        [(3, "0000", 1), (4, NAME, 0), (5, NAME, primary.offset() + 2), (6, NAME, seen + 1)]
    {
        if follower == 6 {
            primary.push(&run(&[(4, 0, &format!("SET d {}", "x".repeat(1000)))]));
        }
        assert_eq!(primary.ask(psync(follower, name, place)), None, "{name} {place}");
    }
    assert!(primary.wants_snapshot());
    let unnamed = Asked { knows_names: false, ..psync(7, NAME, primary.offset() + 1) };
    sent.take(primary.ask(unnamed));
    sent.check(7, "+CONTINUE");
}

#[test]
fn a_backlog_of_another_size_keeps_what_there_is_room_for() {
    let mut primary = primary();
    primary.ask(sync(1));
    primary.cut();
    primary.push(&run(&[(1, 0, "SET a 1"), (2, 0, "SET b 1")]));
    let end = primary.offset();
    let (window, _) = primary.backlog().expect("it follows");
    assert_eq!(window, Window { first: 1, length: end });
    primary.resize_backlog(10);
    assert_eq!(primary.backlog(), Some((Window { first: end - 9, length: 10 }, 10)));
    primary.resize_backlog(100);
    assert_eq!(primary.backlog(), Some((Window { first: end - 9, length: 10 }, 100)));
}

#[test]
fn nothing_is_said_or_told_while_nobody_follows_and_a_rest_ends_the_history() {
    let mut primary = primary();
    assert_eq!(primary.push(&run(&[(1, 0, "SET a 1")])), []);
    assert_eq!((primary.say(&[b"PING"]), primary.offset()), (Vec::new(), 0));
    primary.ask(sync(1));
    primary.cut();
    assert_eq!(primary.say(&[b"PING"]), [], "it has the snapshot to come first");
    assert_eq!(primary.offset(), 14);
    primary.leave(1);
    primary.written(true);
    primary.say(&[b"PING"]);
    assert_eq!((primary.offset(), primary.is_fed()), (14, true));
    primary.rest("another".to_owned());
    assert_eq!((primary.name(), primary.is_fed()), ("another", false));
}
