//! Long payloads of DUMP and RESTORE: written and read in steps, between which others are served.

use crate::world::{Peer, World, slow_down};

/// Members of a large collection.
const MEMBERS: usize = 20_000;
/// The most bytes of a slice of a reply.
const SLICE: usize = 64 * 1024;

/// Large values of all types, the name of each its type's.
const KEYS: [&str; 7] = ["string", "hash", "times", "list", "set", "zset", "stream"];

fn large_world() -> (World, Peer) {
    slow_down();
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    for first in (0..MEMBERS).step_by(500) {
        let words = |head: &str, each: &dyn Fn(usize) -> String| {
            (first..first + 500).fold(head.to_owned(), |line, number| line + " " + &each(number))
        };
        world.ask(peer, &words("HSET hash", &|number| format!("f{number} v{number}")));
        world.ask(peer, &words("HSET times", &|number| format!("f{number} v{number}")));
        let fields = words("HPEXPIREAT times 4000000000000 FIELDS 500", &|number| format!("f{number}"));
        world.ask(peer, &fields);
        world.ask(peer, &words("RPUSH list", &|number| format!("element:{number}")));
        world.ask(peer, &words("SADD set", &|number| format!("m{number}")));
        world.ask(peer, &words("ZADD zset", &|number| format!("{number} m{number}")));
        let text = words("", &|number| number.to_string());
        world.ask(peer, &format!("APPEND string '{text}'"));
        let adds: Vec<String> =
            (first..first + 500).map(|number| format!("XADD stream {}-0 f v{number}", number + 1)).collect();
        world.ask(peer, &adds.join("\r\n"));
    }
    (world, peer)
}

/// A request with words of any bytes.
fn request(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// The string that a reply is.
fn bulk(reply: &[u8]) -> Vec<u8> {
    let begin = reply.iter().position(|&byte| byte == b'\n').expect("a bulk string has a length") + 1;
    reply[begin..reply.len() - 2].to_vec()
}

fn dump(world: &mut World, peer: Peer, key: &str) -> Vec<u8> {
    world.send(peer, &format!("DUMP {key}"));
    bulk(&world.read_bytes(peer))
}

/// What tells whether two values are equal.
fn digest(world: &mut World, peer: Peer, key: &str) -> String {
    world.ask(peer, &format!("DEBUG DIGEST-VALUE {key}"))
}

#[test]
fn a_long_payload_is_made_in_slices_and_shows_the_value_as_it_was() {
    let (mut world, peer) = large_world();
    let other = world.connect(0);
    for key in KEYS {
        let (whole, before) = (dump(&mut world, peer, key), digest(&mut world, peer, key));
        world.send(peer, &format!("DUMP {key}\r\nPING"));
        let (mut reply, mut steps) = (Vec::new(), 0);
        while let Some(bytes) = world.read_slice(peer) {
            if steps == 1 {
                assert_eq!(world.ask_only(other, &format!("RENAME {key} is-{key}")), "+OK\r\n");
            }
            assert!(bytes.len() <= SLICE, "{key}: a slice of {} bytes", bytes.len());
            reply.extend(bytes);
            steps += 1;
        }
        assert!(steps > whole.len() / SLICE + 2, "{key}: {steps} steps");
        let payload = bulk(reply.strip_suffix(b"+PONG\r\n").expect("the next reply stands behind it"));
        world.send_bytes(peer, &request(&[b"RESTORE", key.as_bytes(), b"0", &payload]));
        world.compute(0);
        assert_eq!(world.read(peer), "+OK\r\n", "{key}");
        assert_eq!(digest(&mut world, peer, key), before, "{key}");
    }
}

#[test]
fn a_long_payload_is_restored_in_steps_and_recorded_as_one() {
    let (mut world, peer) = large_world();
    let other = world.connect(0);
    world.record();
    for key in KEYS {
        let (payload, expected) = (dump(&mut world, peer, key), digest(&mut world, peer, key));
        world.take_log();
        world.send_bytes(peer, &request(&[b"RESTORE", b"to", b"0", &payload, b"REPLACE"]));
        let mut steps = 0;
        while world.is_computing(0) {
            assert_eq!(world.read(peer), "");
            assert_eq!(world.ask_only(other, "EXISTS other"), ":0\r\n");
            world.step(0);
            steps += 1;
        }
        assert!(steps > 5, "{key}: {steps} steps");
        world.turn(0);
        assert_eq!(world.read(peer), "+OK\r\n", "{key}");
        assert_eq!(digest(&mut world, peer, "to"), expected, "{key}");
        let log = world.take_log();
        // From the second one on something is replaced.
        let words = if key == KEYS[0] { 5 } else { 6 };
        let head = format!("*{words}\r\n$7\r\nRESTORE\r\n");
        assert!(log.starts_with(head.as_bytes()), "{key}: {}", log[..50].escape_ascii());
        assert_eq!(world.ask(peer, "DEL to"), ":1\r\n");
        world.send_bytes(peer, &log);
        world.compute(0);
        assert_eq!(world.read(peer), "+OK\r\n", "{key}");
        assert_eq!(digest(&mut world, peer, "to"), expected, "{key}: what the log holds");
    }
}

#[test]
fn a_restore_that_is_under_way_sees_what_others_do_to_its_key() {
    let (mut world, peer) = large_world();
    let other = world.connect(0);
    let payload = dump(&mut world, peer, "zset");
    let restore = request(&[b"RESTORE", b"to", b"0", &payload]);
    world.send_bytes(peer, &restore);
    assert!(world.is_computing(0));
    assert_eq!(world.ask_only(other, "SET to value"), "+OK\r\n");
    world.compute(0);
    assert_eq!(world.read(peer), "-BUSYKEY Target key name already exists.\r\n");
    assert_eq!(world.ask(other, "GET to"), "$5\r\nvalue\r\n");
    // Nobody is there any more to be told, and so nothing is done.
    world.ask(other, "DEL to");
    world.send_bytes(peer, &restore);
    world.hang_up(peer);
    world.compute(0);
    assert_eq!(world.ask(other, "EXISTS to"), ":0\r\n");
    // What is wrong is told at the end.
    let peer = world.connect(0);
    let mut wrong = payload.clone();
    wrong[100] ^= 1;
    world.send_bytes(peer, &request(&[b"RESTORE", b"to", b"0", &wrong]));
    world.compute(0);
    assert_eq!(world.read(peer), "-ERR DUMP payload version or checksum are wrong\r\n");
}
