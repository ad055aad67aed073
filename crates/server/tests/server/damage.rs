//! Damaged files: each stops the start with one line that names the file, the place and what to do, and stays as it is.

use crate::disk::{APPENDING, SNAPSHOTS, files, rewrite};
use crate::support::{Server, must, text};

/// Files, each with a byte that is changed or an end that is cut, and what the one line says.
#[test]
fn a_damaged_file_stops_the_start_with_one_line_and_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), APPENDING);
    let mut client = server.connect();
    must(&mut client, "SET some-key some-value");
    rewrite(&mut client);
    must(&mut client, "SET first 1");
    must(&mut client, "SET second 2");
    must(&mut client, "SAVE");
    server.kill();
    let base = "appendonlydir/appendonly.aof.2.base.rdb";
    let increment = "appendonlydir/appendonly.aof.2.incr.aof";
    let manifest = "appendonlydir/appendonly.aof.manifest";
    for (options, file, from, to, said) in [
        (APPENDING, base, &b"some-value"[..], &b"some-vAlue"[..], "the checksum is"),
        (APPENDING, base, b"REDIS00", b"REDIS99", "RDB version"),
        (APPENDING, increment, b"$5\r\nfirst", b"$9\r\nfirst", "at byte"),
        (APPENDING, increment, b"*3\r\n$3\r\nSET\r\n$6", b"x3\r\n$3\r\nSET\r\n$6", "at byte"),
        (APPENDING, increment, b"SET\r\n$6", b"SAT\r\n$6", "the command 'SAT' is refused"),
        (APPENDING, manifest, b" seq ", b" sec ", "line 1"),
        (SNAPSHOTS, "dump.rdb", b"second", b"secOnd", "the checksum is"),
        (SNAPSHOTS, "dump.rdb", b"REDIS", b"READS", "at byte 0"),
    ] {
        let path = folder.path().join(file);
        let whole = std::fs::read(&path).expect("the file is there");
        let at = whole.windows(from.len()).position(|window| window == from).expect("the text is there");
        let damaged = [&whole[..at], to, &whole[at + from.len()..]].concat();
        std::fs::write(&path, &damaged).expect("the file can be written");
        let before = files(folder.path());
        let log = Server::refused(folder.path(), options);
        let last = log.lines().last().expect("a reason is told");
        assert!(last.contains(said) && last.contains(path.file_name().unwrap().to_str().unwrap()), "{log}");
        assert_eq!(files(folder.path()), before, "nothing has been changed");
        std::fs::write(&path, &whole).expect("the file can be written");
    }
    let (_server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    assert_eq!(text(&must(&mut client, "DBSIZE")), "3");
}
