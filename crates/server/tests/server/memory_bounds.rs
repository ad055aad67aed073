//! Inputs that ask for much memory, and how little they get: bounds of what is used and of the resident set, with wide margins.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use client::Client;

use crate::support::{Server, must, run, text};

/// What a test may take beside what it is about.
const MARGIN: u64 = 8 << 20;
/// The same for the resident set, in which the allocator's caches and freed pages are, too.
const RESIDENT_MARGIN: u64 = 96 << 20;

fn start(options: &[&str]) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), &[&["--appendonly", "no", "--save", ""], options].concat());
    (folder, server)
}

/// Bytes in use.
fn used(server: &Server) -> u64 {
    let info = text(&must(&mut server.connect(), "INFO memory"));
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no used_memory in {info}"))
}

/// The most bytes that have been resident.
fn most_resident(server: &Server) -> u64 {
    let path = Path::new("/proc").join(server.process_id().to_string()).join("status");
    let status = fs::read_to_string(path).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number of kilobytes") << 10
}

/// The head of a request whose last argument is 5 GiB long.
fn with_five_gigabytes(words: &[&str]) -> Vec<u8> {
    let mut request = format!("*{}\r\n", words.len() + 1).into_bytes();
    for word in words {
        request.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    request.extend_from_slice(b"$5368709120\r\n");
    request
}

const WRITES: [&[&str]; 5] = [
    &["HSET", "key", "field"],
    &["XADD", "key", "*", "field"],
    &["ZADD", "key", "1"],
    &["RPUSH", "key"],
    &["SADD", "key"],
];

#[test]
fn elements_of_five_gigabytes_are_cut_off_at_the_limit_of_a_request() {
    let (_folder, server) = start(&["--proto-max-bulk-len", "10gb", "--client-query-buffer-limit", "4mb"]);
    let (used_before, resident_before) = (used(&server), most_resident(&server));
    let chunk = vec![b'x'; 256 << 10];
    for words in WRITES {
        let mut socket = server.socket();
        socket.write_all(&with_five_gigabytes(words)).expect("the server reads");
        let mut sent = 0;
        while sent < 200 << 20 && socket.write_all(&chunk).is_ok() {
            sent += chunk.len();
        }
        assert!(sent < 100 << 20, "{words:?}: {sent} bytes were taken");
        assert_eq!(text(&run(&mut server.connect(), "EXISTS key")), "0", "{words:?}");
    }
    // The buffer of the last one goes a moment after its socket.
    assert!((0..1000).any(|_| used(&server) < used_before + MARGIN));
    assert!(most_resident(&server) < resident_before + RESIDENT_MARGIN);
}

#[test]
fn elements_of_five_gigabytes_that_are_announced_take_nothing() {
    let (_folder, server) = start(&["--proto-max-bulk-len", "10gb"]);
    let (used_before, resident_before) = (used(&server), most_resident(&server));
    let sockets: Vec<_> = WRITES
        .iter()
        .cycle()
        .take(100)
        .map(|words| {
            let mut socket = server.socket();
            socket.write_all(&with_five_gigabytes(words)).expect("the server reads");
            socket
        })
        .collect();
    // Who asks later is answered later, so all of them have been read.
    assert!(used(&server) < used_before + MARGIN);
    assert!(most_resident(&server) < resident_before + RESIDENT_MARGIN);
    drop(sockets);
}

#[test]
fn requests_that_grow_and_shrink_leave_no_buffers_behind() {
    let (_folder, server) = start(&[]);
    let before = used(&server);
    let mut sockets: Vec<_> = (0..4).map(|_| server.socket()).collect();
    for round in 0..6_usize {
        for socket in &mut sockets {
            for length in [1, 3_000_000, 17, 100_000 + round, 16_384, 0, 700_000] {
                let head = format!("*2\r\n$6\r\nSTRLEN\r\n${length}\r\n");
                let request = [head.as_bytes(), &vec![b'k'; length], b"\r\n"].concat();
                for piece in request.chunks(request.len() / 3 + 1) {
                    socket.write_all(piece).expect("the server reads");
                }
                let mut reply = [0; 4];
                socket.read_exact(&mut reply).expect("a reply");
                assert_eq!(&reply, b":0\r\n");
            }
        }
    }
    let grown = used(&server).saturating_sub(before);
    assert!(grown < MARGIN, "four idle clients keep {grown} bytes");
}

#[test]
fn a_request_of_many_arguments_leaves_no_notes_of_them_behind() {
    let (_folder, server) = start(&["--threads", "1"]);
    let before = used(&server);
    let keys = vec!["key"; 900_000];
    must(&mut server.connect(), &[&["DEL"], keys.as_slice()].concat().join(" "));
    let taken = used(&server) - before;
    assert!(taken < MARGIN, "{taken} bytes");
}

#[test]
fn a_hyperloglog_that_was_resized_as_a_string_is_taken_or_refused_as_by_redis() {
    let (_folder, server) = start(&[]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let oracle = Server::oracle(folder.path(), &[]);
    let (mut client, mut peer) = (server.connect(), oracle.connect());
    for resized in ["SETRANGE h 5000 x", "APPEND h x", "SETRANGE h 11 x", "SETRANGE h 13000 x", "SET h HYLL"]
    {
        for command in
            ["DEL h", "PFADD h a b c", resized, "PFADD h d", "PFCOUNT h", "PFMERGE g h", "STRLEN h"]
        {
            assert_eq!(
                text(&run(&mut client, command)),
                text(&run(&mut peer, command)),
                "{command} after {resized}"
            );
        }
    }
}

#[test]
fn runs_of_zeros_beyond_all_registers_are_refused_and_take_no_memory() {
    const CORRUPT: &str = "INVALIDOBJ Corrupted HLL object detected";
    let (_folder, server) = start(&["--proto-max-bulk-len", "9223372036854775807"]);
    let mut client = server.connect();
    // Each run has all 16,384 registers, so that the sum of their lengths is beyond 31 bits, and beyond 32.
    for (key, runs) in [("beyond_31", 131_073), ("beyond_32", 262_145)] {
        let registers = [0x7f, 0xff].repeat(runs);
        let bytes = [b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80", registers.as_slice()].concat();
        client.command(&[&b"SET"[..], key.as_bytes(), &bytes]).expect("a reply");
    }
    // A head, and behind it a terabyte in which there is nothing: no run of zero is shorter than one.
    must(&mut client, "PFADD terabyte a");
    must(&mut client, "SETBIT terabyte 8796093022207 1");
    let resident_before = most_resident(&server);
    for key in ["beyond_31", "beyond_32", "terabyte"] {
        for command in ["PFCOUNT", "PFCOUNT none", "PFMERGE to", "PFDEBUG TODENSE", "PFDEBUG DECODE"] {
            assert_eq!(text(&run(&mut client, &format!("{command} {key}"))), CORRUPT, "{command} {key}");
        }
        for element in ["a", "b"] {
            assert_eq!(
                text(&run(&mut client, &format!("PFADD {key} {element}"))),
                CORRUPT,
                "{element} to {key}"
            );
        }
    }
    assert_eq!(text(&run(&mut client, "EXISTS to")), "0");
    assert!(most_resident(&server) < resident_before + RESIDENT_MARGIN);
}

#[test]
fn a_comparison_that_is_refused_takes_no_memory() {
    let (_folder, server) = start(&[]);
    let mut client = server.connect();
    for key in ["a", "b"] {
        must(&mut client, &format!("SETRANGE {key} 131071 {key}"));
    }
    let resident_before = most_resident(&server);
    for command in ["LCS a b", "LCS a b LEN", "LCS a b IDX WITHMATCHLEN"] {
        let refusal = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
        assert_eq!(text(&run(&mut client, command)), refusal, "{command}");
    }
    assert!(most_resident(&server) < resident_before + RESIDENT_MARGIN);
}

#[test]
fn a_comparison_with_a_single_byte_takes_little_more_than_the_strings() {
    let (_folder, server) = start(&[]);
    let mut client = server.connect();
    must(&mut client, "SETRANGE long 30000000 b");
    must(&mut client, "SET short b");
    let resident_before = most_resident(&server);
    for command in ["LCS long short", "LCS short long"] {
        assert_eq!(text(&run(&mut client, command)), "b", "{command}");
    }
    let taken = most_resident(&server) - resident_before;
    assert!(taken < RESIDENT_MARGIN, "{taken} bytes");
}

#[test]
fn a_key_that_is_named_very_often_is_copied_once() {
    let (_folder, server) = start(&["--threads", "1"]);
    let mut client = server.connect();
    must(&mut client, "PFADD h a b c");
    must(&mut client, "PFDEBUG TODENSE h");
    let length = must(&mut client, "STRLEN h");
    let names = vec!["h"; 100_000].join(" ");
    let resident_before = most_resident(&server);
    let three = must(&mut client, "PFCOUNT h");
    assert_eq!(must(&mut client, &format!("PFCOUNT {names}")), three);
    must(&mut client, &format!("PFMERGE to {names}"));
    assert_eq!(must(&mut client, "PFCOUNT to"), three);
    for operation in ["OR", "XOR"] {
        assert_eq!(must(&mut client, &format!("BITOP {operation} {operation} {names}")), length);
    }
    assert_eq!(text(&must(&mut client, "BITCOUNT XOR")), "0");
    assert_eq!(must(&mut client, "BITCOUNT OR"), must(&mut client, "BITCOUNT h"));
    let taken = most_resident(&server) - resident_before;
    assert!(taken < RESIDENT_MARGIN, "{taken} bytes");
}

#[test]
fn searches_that_wait_for_others_take_no_room_for_what_they_may_find() {
    let (_folder, server) = start(&["--threads", "1"]);
    let mut client = server.connect();
    let places: Vec<String> = (0..20_000_u64).map(|at| format!("{} {at}", at << 37)).collect();
    must(&mut client, &format!("ZADD places {}", places.join(" ")));
    let before = used(&server);
    let search = b"GEOSEARCH places FROMLONLAT 0 0 BYRADIUS 30000 km ASC\r\n";
    let mut socket = server.socket();
    socket.write_all(&search.repeat(1000)).expect("the server reads");
    // Who asks later is answered later, so all of them have begun.
    let taken = used(&server).saturating_sub(before);
    assert!(taken < 4 * MARGIN, "{taken} bytes");
}

#[test]
fn a_message_to_many_subscribers_takes_memory_once() {
    let (_folder, server) = start(&["--threads", "4"]);
    let subscribed = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
    let subscribers: Vec<_> = (0..100)
        .map(|_| {
            let mut socket = server.socket();
            socket.write_all(b"SUBSCRIBE c\r\n").expect("the server reads");
            let mut reply = vec![0; subscribed.len()];
            socket.read_exact(&mut reply).expect("a reply");
            assert_eq!(reply, subscribed);
            socket
        })
        .collect();
    let (mut client, before) = (server.connect(), used(&server));
    let message = "x".repeat(8 << 20);
    assert_eq!(client.command(&["PUBLISH", "c", &message]).expect("a reply").integer(), Some(100));
    // Nobody reads, and the system takes only a part of it. Other workers may take their letters later than the reply comes.
    let waits = |client: &str| client.contains(" sub=1 ") && !client.contains(" omem=0 ");
    while text(&must(&mut client, "CLIENT LIST")).lines().filter(|client| waits(client)).count() < 100 {}
    let taken = used(&server).saturating_sub(before);
    assert!(taken < 4 * MARGIN, "{taken} bytes");
    drop(subscribers);
}

#[test]
fn refusals_that_nobody_reads_are_not_piled_up() {
    let (_folder, server) = start(&["--requirepass", "secret"]);
    let resident_before = most_resident(&server);
    let requests = b"SET x 5\r\n".repeat(4096);
    for _ in 0..5 {
        let mut socket = server.socket();
        let mut sent = 0;
        while sent < 400_000_000 && socket.write_all(&requests).is_ok() {
            sent += requests.len();
        }
        assert!(sent < 300_000_000, "{sent} bytes of refused commands were taken");
        must(&mut server.connect(), "AUTH secret");
    }
    assert!(most_resident(&server) < resident_before + RESIDENT_MARGIN);
}

const TOO_LONG: &str = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
const NO_BIT: &str = "ERR bit offset is not an integer or out of range";

#[test]
fn strings_end_at_a_terabyte_whatever_is_configured_and_take_what_is_in_them() {
    let (_folder, server) = start(&["--proto-max-bulk-len", "9223372036854775807"]);
    let mut client = server.connect();
    let before = used(&server);
    let check = |client: &mut Client, command: &str, reply: &str| {
        assert_eq!(text(&run(client, command)), reply, "{command}");
    };
    for command in ["SETRANGE k 1099511627776 x", "SETRANGE k 9223372036854775806 x"] {
        check(&mut client, command, TOO_LONG);
    }
    for command in [
        "SETBIT k 8796093022208 1",
        "SETBIT k 9223372036854775807 1",
        "GETBIT k 8796093022208",
        "BITFIELD k SET u8 8796093022208 1",
        "BITFIELD k GET u8 #1152921504606846975",
    ] {
        check(&mut client, command, NO_BIT);
    }
    check(&mut client, "EXISTS k", "0");
    // The last byte there can be.
    check(&mut client, "SETBIT k 8796093022207 1", "0");
    check(&mut client, "STRLEN k", "1099511627776");
    check(&mut client, "APPEND k x", TOO_LONG);
    check(&mut client, "GETRANGE k -1 -1", "\u{1}");
    let grown = used(&server).saturating_sub(before);
    assert!(grown < 8 * MARGIN, "one byte at the end of a terabyte takes {grown} bytes");
    check(&mut client, "DEL k", "1");
}
