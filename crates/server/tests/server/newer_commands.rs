//! What commands that are newer than Redis 7.0 have done stands in the log in words that it knows, as far as it knows such things.

use crate::content::content;
use crate::disk::APPENDING;
use crate::support::{Server, must, run};

/// Commands, the log of which Redis 7.0 loads to the same content.
const FOR_REDIS: &[&str] = &[
    "SET a 1 EX 100000",
    "SET a 2 IFEQ 1 KEEPTTL",
    "SET a 3 IFDNE 0000000000000000",
    "INCREX n BYINT 5 UBOUND 7 EX 100000",
    "INCREX n BYINT 5 UBOUND 7 SATURATE",
    "INCREX f BYFLOAT 0.25 PX 100000000",
    "INCREX f BYFLOAT 0.25 PERSIST XX",
    "INCREX gone EXAT 1",
    "MSETEX 2 m 1 o 2 EX 100000",
    "MSETEX 2 m 3 o 4 KEEPTTL",
    "MSETEX 1 past 1 PXAT 1",
    "SET d 1",
    "DELEX d IFNE 2",
    "SET d 1",
    "DELIFEQ d 1",
    "BITOP DIFF b a n",
    "BITOP ONE c a n b",
    "RPUSH l 1 2 3 4 5",
    "LMOVEM l t LEFT LEFT COUNT 3 OBO",
    "BLMOVEM l t RIGHT RIGHT 0 EXACTLY 2 BULK",
    "LMOVEM t t LEFT LEFT COUNT 2 OBO",
    "HSET h f 1 g 2 i 3",
    "HGETDEL h FIELDS 2 f none",
    "HSETEX h FNX FIELDS 1 j 4",
    "HSETEX h PXAT 1 FIELDS 1 g 5",
    "GEOADD places 13.36 38.11 Palermo 15.08 37.5 Catania 2.35 48.85 Paris",
    "GEOSEARCHSTORE found places BYPOLYGON 4 12 36 16 36 16 39 12 39",
    "ZADD z 1 x 2 y",
    "ZUNIONSTORE u 2 z places AGGREGATE COUNT",
    "XADD s 1-0 k v",
    "XADD s 2-0 k v",
    "XADD s 3-0 k v",
    "XADD s 4-0 k v",
    "XGROUP CREATE s one 0",
    "XGROUP CREATE s two 0",
    "XREADGROUP GROUP one c COUNT 3 STREAMS s >",
    "XREADGROUP GROUP two c COUNT 2 STREAMS s >",
    "XREADGROUP GROUP one d COUNT 2 CLAIM 0 STREAMS s >",
    "XDELEX s DELREF IDS 1 1-0",
    "XACKDEL s one ACKED IDS 2 2-0 3-0",
    "XADD s KEEPREF MAXLEN 3 5-0 k v",
    "XTRIM s MAXLEN 2 ACKED",
];

/// Commands besides, of things that it does not know.
const FOR_US: &[&str] = &[
    "HSETEX h EX 100000 FIELDS 1 k 1",
    "HGETEX h PX 100000000 FIELDS 1 i",
    "HGETEX h PERSIST FIELDS 1 k",
    "XNACK s one FAIL IDS 1 3-0 RETRYCOUNT 4 FORCE",
    "XNACK s two FATAL IDS 1 2-0",
    "XADD s IDMP producer name * k v",
    "XADD s IDMP producer name * k v",
    "XADD s IDMPAUTO producer * k v",
    "XCFGSET other IDMP-DURATION 5",
];

#[test]
fn the_log_of_newer_commands_is_loaded_here_and_by_redis() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    for command in FOR_REDIS {
        must(&mut client, command);
    }
    let written = content(&mut client);
    assert!(server.stop().0.success());
    for load in [Server::start, Server::oracle] {
        assert_eq!(content(&mut load(folder.path(), APPENDING).connect()), written);
    }
}

#[test]
fn what_only_newer_servers_know_is_there_after_a_restart_and_in_a_base() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    for command in FOR_REDIS {
        must(&mut client, command);
    }
    must(&mut client, "XADD other 1-0 k v");
    for command in FOR_US {
        must(&mut client, command);
    }
    let all = |client: &mut client::Client| {
        let asked = [
            "HPEXPIRETIME h FIELDS 4 g i j k",
            "XPENDING s one - + 9",
            "XPENDING s two - + 9",
            "XINFO STREAM other",
        ];
        (content(client), asked.map(|command| format!("{:?}", run(client, command))))
    };
    let written = all(&mut client);
    server.kill();
    let (server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    assert_eq!(all(&mut client), written, "from the log");
    crate::disk::rewrite(&mut client);
    server.kill();
    assert_eq!(all(&mut Server::start(folder.path(), APPENDING).connect()), written, "from the base");
}
