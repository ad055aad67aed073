//! Keyspace notifications: what each command that writes tells, in which order, and to whom.

use engine::command::Flags;
use engine::table::{Table, table};

use crate::world::{Peer, World};

/// What is done before, one command that writes, and what it tells with the flags `KEAn`.
const EXAMPLES: &[[&str; 3]] = &[
    ["", "APPEND a x", "new a, append a"],
    ["", "BITFIELD a SET u8 0 1 INCRBY u8 40 1", "new a, setbit a"],
    ["SET a x", "BITOP NOT b a", "new b, set b"],
    ["RPUSH a x", "BLMOVE a b LEFT RIGHT 0", "new b, rpush b, lpop a, del a"],
    ["RPUSH a x", "BLMOVEM a b LEFT RIGHT 0", "lpop a, del a, new b, rpush b"],
    ["RPUSH a x y", "BLMPOP 0 1 a RIGHT", "rpop a"],
    ["RPUSH a x", "BLPOP a 0", "lpop a, del a"],
    ["RPUSH a x", "BRPOP a 0", "rpop a, del a"],
    ["RPUSH a x", "BRPOPLPUSH a a 0", "lpush a, rpop a"],
    ["ZADD a 1 x", "BZMPOP 0 1 a MAX", "zpopmax a, del a"],
    ["ZADD a 1 x", "BZPOPMAX a 0", "zpopmax a, del a"],
    ["ZADD a 1 x 2 y", "BZPOPMIN a 0", "zpopmin a"],
    ["SET a 1; SET b 2", "COPY a b REPLACE", "new b, copy_to b"],
    ["", "DECR a", "new a, incrby a"],
    ["", "DECRBY a 2", "new a, incrby a"],
    ["SET a 1; SET b 1", "DEL a b none", "del a, del b"],
    ["SET a 1", "DELEX a IFEQ 1", "del a"],
    ["SET a 1", "DELIFEQ a 1", "del a"],
    ["SET a 1", "EXPIRE a 100", "expire a"],
    ["SET a 1", "EXPIREAT a 9999999999", "expire a"],
    ["", "GEOADD a 1 1 x", "new a, zadd a"],
    ["GEOADD a 1 1 x", "GEORADIUS a 1 1 1 m STORE b", "new b, georadiusstore b"],
    ["GEOADD a 1 1 x", "GEORADIUSBYMEMBER a x 1 m STOREDIST a", "georadiusstore a"],
    ["GEOADD a 1 1 x", "GEOSEARCHSTORE b a FROMMEMBER x BYRADIUS 1 m", "new b, geosearchstore b"],
    ["SET a 1", "GETDEL a", "del a"],
    ["SET a 1", "GETEX a EX 100", "expire a"],
    ["SET a 1", "GETSET a 2", "set a"],
    ["HSET a f 1", "HDEL a f", "hdel a, del a"],
    ["HSET a f 1", "HEXPIRE a 100 FIELDS 2 f g", "hexpire a"],
    ["HSET a f 1 g 2", "HEXPIREAT a 1 FIELDS 1 f", "hdel a"],
    ["HSET a f 1", "HGETDEL a FIELDS 1 f", "hdel a, del a"],
    ["HSET a f 1", "HGETEX a EX 100 FIELDS 1 f", "hexpire a"],
    ["HIMPORT PREPARE fields f", "HIMPORT SET a fields 1", "new a, hset a"],
    ["HSET a f 1; HEXPIRE a 100 FIELDS 1 f", "HINCRBY a f 1", "hincrby a"],
    ["", "HINCRBYFLOAT a f 1.5", "new a, hincrbyfloat a"],
    ["", "HMSET a f 1 g 2", "new a, hset a"],
    ["HSETEX a EX 100 FIELDS 1 f 1", "HPERSIST a FIELDS 1 f", "hpersist a"],
    ["HSET a f 1", "HPEXPIRE a 0 FIELDS 1 f", "hdel a, del a"],
    ["HSET a f 1", "HPEXPIREAT a 9999999999999 FIELDS 1 f", "hexpire a"],
    ["", "HSET a f 1 g 2", "new a, hset a"],
    ["", "HSETEX a PXAT 1 FIELDS 1 f 1", "new a, hset a, hdel a, del a"],
    ["", "HSETNX a f 1", "new a, hset a"],
    ["", "INCR a", "new a, incrby a"],
    ["", "INCRBY a 2", "new a, incrby a"],
    ["", "INCRBYFLOAT a 1.5", "new a, incrbyfloat a"],
    ["", "INCREX a BYINT 2 EX 100", "new a, incrby a, expire a"],
    ["SET a 1 EX 100", "INCREX a BYFLOAT 0.5 PERSIST", "incrbyfloat a, persist a"],
    ["SET a 1", "INCREX a PXAT 1", "incrby a, del a"],
    ["RPUSH a x", "LINSERT a BEFORE x y", "linsert a"],
    ["RPUSH a x", "LMOVE a a LEFT RIGHT", "rpush a, lpop a"],
    ["RPUSH a x y z", "LMOVEM a b LEFT RIGHT COUNT 2 OBO", "lpop a, new b, rpush b"],
    ["RPUSH a x y", "LMPOP 2 none a LEFT COUNT 9", "lpop a, del a"],
    ["RPUSH a x", "LPOP a", "lpop a, del a"],
    ["", "LPUSH a x y", "new a, lpush a"],
    ["RPUSH a x", "LPUSHX a y", "lpush a"],
    ["RPUSH a x", "LREM a 0 x", "lrem a, del a"],
    ["RPUSH a x", "LSET a 0 y", "lset a"],
    ["RPUSH a x y", "LTRIM a 0 -1", "ltrim a"],
    ["SET a 1", "MOVE a 1", "new 1:a, move_from a, move_to 1:a"],
    ["SET b 1", "MSET a 1 b 2 a 3", "new a, set a, set b, set a"],
    ["", "MSETEX 2 a 1 b 2 EX 100", "new a, set a, expire a, new b, set b, expire b"],
    ["", "MSETNX a 1 b 2", "new a, set a, new b, set b"],
    ["SET a 1 EX 100", "PERSIST a", "persist a"],
    ["SET a 1", "PEXPIRE a -1", "del a"],
    ["SET a 1", "PEXPIREAT a 9999999999999", "expire a"],
    ["", "PFADD a x", "new a, pfadd a"],
    ["PFADD a x", "PFMERGE b a", "new b, pfadd b"],
    ["", "PSETEX a 100 1", "new a, set a, expire a"],
    ["SET a 1; SET b 1", "RENAME a b", "new b, rename_from a, rename_to b"],
    ["SET a 1", "RENAMENX a b", "new b, rename_from a, rename_to b"],
    ["SET a 1", "RESTORE a 0 {dump of a} REPLACE", "new a, restore a"],
    ["SET a 1", "RESTORE-ASKING a 0 {dump of a} REPLACE", "new a, restore a"],
    ["RPUSH a x", "RPOP a", "rpop a, del a"],
    ["RPUSH a x", "RPOPLPUSH a b", "new b, lpush b, rpop a, del a"],
    ["", "RPUSH a x", "new a, rpush a"],
    ["RPUSH a x", "RPUSHX a y", "rpush a"],
    ["", "SADD a x y", "new a, sadd a"],
    ["SADD a x", "SDIFFSTORE b a", "new b, sdiffstore b"],
    ["", "SET a 1 EX 100", "new a, set a, expire a"],
    ["", "SETBIT a 1 1", "new a, setbit a"],
    ["", "SETEX a 100 1", "new a, set a, expire a"],
    ["", "SETNX a 1", "new a, set a"],
    ["", "SETRANGE a 1 x", "new a, setrange a"],
    ["SADD a x; SADD b y", "SINTERSTORE a a b", "del a"],
    ["SADD a x", "SMOVE a b x", "srem a, del a, new b, sadd b"],
    ["RPUSH a 1", "SORT a STORE b", "new b, sortstore b"],
    ["SADD a x y", "SPOP a 2", "spop a, del a"],
    ["SADD a x y", "SREM a x", "srem a"],
    ["SADD a x", "SUNIONSTORE b a", "new b, sunionstore b"],
    ["SET a 1", "UNLINK a", "del a"],
    [
        "XADD a 1-1 f v; XGROUP CREATE a g 0; XREADGROUP GROUP g c STREAMS a >",
        "XACKDEL a g IDS 1 1-1",
        "xdel a",
    ],
    ["XADD a 1-1 f v", "XADD a MAXLEN 1 2-1 f v", "xadd a, xtrim a"],
    ["XGROUP CREATE a g 0 MKSTREAM", "XAUTOCLAIM a g c 0 0", "xgroup-createconsumer a"],
    ["XADD a 1-1 f v; XGROUP CREATE a g $", "XCLAIM a g c 0 1-1 FORCE LASTID 5-5", "xgroup-createconsumer a"],
    ["XADD a 1-1 f v", "XDEL a 1-1 2-1", "xdel a"],
    ["XADD a 1-1 f v", "XDELEX a IDS 1 1-1", "xdel a"],
    ["", "XGROUP CREATE a g 0 MKSTREAM", "new a, xgroup-create a"],
    ["XGROUP CREATE a g 0 MKSTREAM", "XGROUP CREATECONSUMER a g c", "xgroup-createconsumer a"],
    [
        "XGROUP CREATE a g 0 MKSTREAM; XGROUP CREATECONSUMER a g c",
        "XGROUP DELCONSUMER a g c",
        "xgroup-delconsumer a",
    ],
    ["XGROUP CREATE a g 0 MKSTREAM", "XGROUP DESTROY a g", "xgroup-destroy a"],
    ["XGROUP CREATE a g 0 MKSTREAM", "XGROUP SETID a g 1-1", "xgroup-setid a"],
    ["XADD a 1-1 f v; XGROUP CREATE a g 0", "XREADGROUP GROUP g c STREAMS a >", "xgroup-createconsumer a"],
    ["XADD a 1-1 f v", "XSETID a 9-9", "xsetid a"],
    ["XADD a 1-1 f v", "XTRIM a MAXLEN 0", "xtrim a"],
    ["", "ZADD a 1 x", "new a, zadd a"],
    ["ZADD a 1 x", "ZDIFFSTORE b 1 a", "new b, zdiffstore b"],
    ["", "ZINCRBY a 1 x", "new a, zincr a"],
    ["ZADD a 1 x", "ZINTERSTORE b 1 a", "new b, zinterstore b"],
    ["ZADD a 1 x", "ZMPOP 1 a MIN", "zpopmin a, del a"],
    ["ZADD a 1 x", "ZPOPMAX a", "zpopmax a, del a"],
    ["ZADD a 1 x 2 y", "ZPOPMIN a", "zpopmin a"],
    ["ZADD a 1 x", "ZRANGESTORE b a 0 -1", "new b, zrangestore b"],
    ["ZADD a 1 x", "ZREM a x", "zrem a, del a"],
    ["ZADD a 1 x", "ZREMRANGEBYLEX a - +", "zremrangebylex a, del a"],
    ["ZADD a 1 x 2 y", "ZREMRANGEBYRANK a 0 0", "zremrangebyrank a"],
    ["ZADD a 1 x", "ZREMRANGEBYSCORE a 1 1", "zremrangebyscore a, del a"],
    ["ZADD a 1 x", "ZUNIONSTORE b 1 a", "new b, zunionstore b"],
];

/// Commands that write and tell nothing, as in Redis.
const SILENT: &[(&str, &str)] = &[
    ("cluster|flushslot", "there is no cluster"),
    ("flushall", "it concerns no key more than another"),
    ("flushdb", "it concerns no key more than another"),
    ("function|delete", "a library is no key"),
    ("function|flush", "a library is no key"),
    ("function|load", "a library is no key"),
    ("function|restore", "a library is no key"),
    ("migrate", "it tells `del`, as DEL does, when another server has the key"),
    ("pfdebug", "another form of the same registers is no change"),
    ("sflush", "there is no cluster"),
    ("swapdb", "it concerns no key more than another"),
    ("trimslots", "there is no cluster"),
    ("xack", "what is pending in a group is no event"),
    ("xcfgset", "how names of producers are kept is no event"),
    ("xidmprecord", "the name of an entry is no event"),
    ("xnack", "what is pending in a group is no event"),
];

/// A connection that hears of all events, by name.
fn listener(world: &mut World, worker: usize) -> Peer {
    let peer = world.connect(worker);
    world.ask(peer, "PSUBSCRIBE __keyevent@*");
    peer
}

/// What a listener has heard: events and their keys, in databases other than 0 with the database.
fn heard(world: &mut World, listener: Peer) -> Vec<String> {
    world.settle();
    let text = world.read(listener);
    let lines: Vec<&str> = text.lines().collect();
    lines
        .chunks(9)
        .map(|lines| {
            let (database, event) =
                lines[6].trim_start_matches("__keyevent@").split_once("__:").expect("an event");
            let key = lines[8];
            if database == "0" { format!("{event} {key}") } else { format!("{event} {database}:{key}") }
        })
        .collect()
}

/// The value of a key as RESTORE takes it, quoted.
fn dump(world: &mut World, peer: Peer, key: &str) -> String {
    world.send(peer, &format!("DUMP {key}"));
    let reply = world.read_bytes(peer);
    let begin = reply.iter().position(|&byte| byte == b'\n').expect("a bulk string has a length") + 1;
    let mut quoted = String::from("\"");
    reply[begin..reply.len() - 2].iter().for_each(|byte| quoted += &format!("\\x{byte:02x}"));
    quoted + "\""
}

/// The full name of the command that a line calls.
fn name_of(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let row = table().get(words[0].as_bytes()).expect("a command");
    if row.command.subcommands.is_empty() {
        return Table::full_name(&row);
    }
    format!("{}|{}", words[0], words[1]).to_lowercase()
}

#[test]
fn every_command_that_writes_tells_what_it_did() {
    let mut world = World::new(1, &[("notify-keyspace-events", "KEAn")]);
    let listener = listener(&mut world, 0);
    for [before, command, expected] in EXAMPLES {
        let peer = world.connect(0);
        world.ask(peer, "FLUSHALL");
        for line in before.split("; ").filter(|line| !line.is_empty()) {
            assert!(!world.ask(peer, line).starts_with('-'), "{line}");
        }
        let payload = command.contains("{dump of a}").then(|| dump(&mut world, peer, "a"));
        let command = command.replace("{dump of a}", &payload.unwrap_or_default());
        heard(&mut world, listener);
        let reply = world.ask(peer, &command);
        assert!(!reply.starts_with('-'), "{command}: {reply}");
        assert_eq!(heard(&mut world, listener).join(", "), *expected, "{command}");
        world.hang_up(peer);
    }
}

#[test]
fn what_is_overwritten_is_told_and_whether_it_has_another_type() {
    let mut world = World::new(1, &[("notify-keyspace-events", "EAoc")]);
    let listener = listener(&mut world, 0);
    let peer = world.connect(0);
    for [before, command, expected] in [
        ["", "SET a 1", "set a"],
        ["SET a 1", "SET a 2", "overwritten a, set a"],
        ["RPUSH a 1", "SET a 2", "overwritten a, type_changed a, set a"],
        ["SET a 1", "GETSET a 2", "overwritten a, set a"],
        ["SET a 1", "MSET a 2 b 3", "overwritten a, set a, set b"],
        ["SET a 1", "INCR a", "incrby a"],
        ["SET a 1", "APPEND a x", "append a"],
        ["SADD a 1", "SADD a x", "sadd a"],
        ["SADD a 1; SADD b 2", "SUNIONSTORE a b", "overwritten a, sunionstore a"],
        ["RPUSH a 1; SADD b 2", "SUNIONSTORE a b", "overwritten a, type_changed a, sunionstore a"],
        ["SET a 1; RPUSH b 2", "SORT b STORE a", "overwritten a, type_changed a, sortstore a"],
        ["SET a 1; RPUSH b 1", "RENAME b a", "rename_from b, rename_to a, overwritten a, type_changed a"],
        ["SET a 1; SET b 1", "COPY b a REPLACE", "copy_to a, overwritten a"],
        ["SET a 1", "RESTORE a 0 {dump of a} REPLACE", "restore a, overwritten a"],
        ["SET a 1; RPUSH b 1", "RENAMENX b a", ""],
        ["SET a 1", "SETNX a 2", ""],
        ["SET a 1", "SETRANGE a 1 x", "setrange a"],
        ["SET a 1", "GETEX a EX 100", "expire a"],
        ["HSET a f 1", "HGETEX a EX 100 FIELDS 1 f", "hexpire a"],
        ["RPUSH a x", "SET a 1 PXAT 1", "overwritten a, type_changed a, set a, expire a, expired a"],
        ["RPUSH a x", "MSETEX 1 a 1 EX 100", "overwritten a, type_changed a, set a, expire a"],
        ["PFADD a x; PFADD b y", "PFMERGE a b", "pfadd a"],
        ["SET a 1; SET b 1", "BITOP NOT a b", "overwritten a, set a"],
        ["SET a 1; ZADD b 1 x", "ZRANGESTORE a b 0 -1", "overwritten a, type_changed a, zrangestore a"],
        ["SET a 1; ZADD b 1 x", "ZUNIONSTORE a 1 b", "overwritten a, type_changed a, zunionstore a"],
        ["SET a 1; SADD b 1", "SINTERSTORE a b c", "del a"],
        [
            "SET a 1; GEOADD b 1 1 x",
            "GEOSEARCHSTORE a b FROMMEMBER x BYRADIUS 1 m",
            "overwritten a, type_changed a, geosearchstore a",
        ],
        [
            "SET a 1; GEOADD b 1 1 x",
            "GEORADIUS b 1 1 1 m STORE a",
            "overwritten a, type_changed a, georadiusstore a",
        ],
    ] {
        world.ask(peer, "FLUSHALL");
        for line in before.split("; ").filter(|line| !line.is_empty()) {
            world.ask(peer, line);
        }
        let payload = command.contains("{dump of a}").then(|| dump(&mut world, peer, "a"));
        let command = command.replace("{dump of a}", &payload.unwrap_or_default());
        heard(&mut world, listener);
        assert!(!world.ask(peer, &command).starts_with('-'), "{command}");
        assert_eq!(heard(&mut world, listener).join(", "), expected, "{before}; {command}");
    }
}

#[test]
fn no_command_that_writes_is_forgotten() {
    let examples: Vec<String> = EXAMPLES.iter().map(|[_, command, _]| name_of(command)).collect();
    for row in table().rows().iter().filter(|row| row.command.flags.has(Flags::WRITE)) {
        let name = Table::full_name(row);
        let is_silent = SILENT.iter().any(|(silent, _)| *silent == name);
        assert_ne!(
            examples.contains(&name),
            is_silent,
            "{name} is an example, or has a reason to tell nothing"
        );
    }
}

#[test]
fn what_is_not_configured_is_not_told() {
    let mut world = World::new(1, &[]);
    let listener = world.connect(0);
    world.ask(listener, "PSUBSCRIBE *");
    let peer = world.connect(0);
    let mut check = |flags: &str, expected: &str| {
        world.ask(peer, &format!("CONFIG SET notify-keyspace-events {flags}"));
        world.ask(peer, "FLUSHALL\r\nGET a\r\nSET a 1 EX 100\r\nLPUSH l x\r\nDEL l");
        world.settle();
        let text = world.read(listener);
        let lines: Vec<&str> = text.lines().collect();
        let told: Vec<String> = lines.chunks(9).map(|lines| format!("{} {}", lines[6], lines[8])).collect();
        assert_eq!(told.join(", "), expected, "{flags}");
    };
    check("\"\"", "");
    check("A", "");
    check("K", "");
    check("Kl", "__keyspace@0__:l lpush");
    check("Eg", "__keyevent@0__:expire a, __keyevent@0__:del l");
    check("KE$", "__keyspace@0__:a set, __keyevent@0__:set a");
    check("Em", "__keyevent@0__:keymiss a");
    check("En", "__keyevent@0__:new a, __keyevent@0__:new l");
    check("Exe", "");
}

#[test]
fn subkeys_are_told_on_channels_of_their_own() {
    let mut world = World::new(2, &[]);
    let listener = world.connect(1);
    world.ask(listener, "PSUBSCRIBE *");
    let peer = world.connect(0);
    let mut check = |flags: &str, command: &str, expected: &[&str]| {
        world.ask(peer, &format!("CONFIG SET notify-keyspace-events {flags}"));
        assert!(!world.ask(peer, command).starts_with('-'), "{command}");
        world.settle();
        let text = world.read(listener);
        let lines: Vec<&str> = text.trim_end_matches("\r\n").split("\r\n").collect();
        let told: Vec<String> =
            lines.chunks_exact(9).map(|lines| format!("{} {}", lines[6], lines[8])).collect();
        assert_eq!(told, expected, "{flags} {command}");
    };
    check("Sh", "HSET a f 1 gg 2 f 3", &["__subkeyspace@0__:a hset|1:f,2:gg,1:f"]);
    check("Th", "HDEL a none f", &["__subkeyevent@0__:hdel 1:a|1:f"]);
    check("Ih", "HSET a f 1 h 2", &["__subkeyspaceitem@0__:a\nf hset", "__subkeyspaceitem@0__:a\nh hset"]);
    check("Vh", "HINCRBY a f 1", &["__subkeyspaceevent@0__:hincrby|a 1:f"]);
    check(
        "hVK",
        "HGETEX a EX 100 FIELDS 2 f none",
        &["__keyspace@0__:a hexpire", "__subkeyspaceevent@0__:hexpire|a 1:f"],
    );
    check(
        "ShE",
        "HSETEX a FNX PXAT 1 FIELDS 2 new 1 other 2",
        &[
            "__keyevent@0__:hset a",
            "__subkeyspace@0__:a hset|3:new,5:other",
            "__keyevent@0__:hdel a",
            "__subkeyspace@0__:a hdel|3:new,5:other",
        ],
    );
    check("Sh", "HPERSIST a FIELDS 2 f none", &["__subkeyspace@0__:a hpersist|1:f"]);
    check("Sh", "HINCRBYFLOAT a x 1.5", &["__subkeyspace@0__:a hincrbyfloat|1:x"]);
    check("Sh", "HGETDEL a FIELDS 2 x y", &["__subkeyspace@0__:a hdel|1:x"]);
    check("Sh", "HSETNX a f 9", &[]);
    // A key with a newline has no channels of its subkeys; any other bytes stand as they are.
    check("Ih", "HSET \"a\\nb\" f 1", &[]);
    check(
        "hVT",
        "HSET \"a\\n|b\" \",|\" 1",
        &["__subkeyevent@0__:hset 4:a\n|b|2:,|", "__subkeyspaceevent@0__:hset|a\n|b 2:,|"],
    );
    // The channels without the class, the class without channels, and what has no subkeys.
    check("STIV", "HSET a f 1", &[]);
    check("h", "HSET a f 1", &[]);
    check("STIVA", "SET s 1 EX 100", &[]);
    check("STIVn", "HSET new f 1", &[]);
}

#[test]
fn fields_that_were_due_are_told_together() {
    let mut world = World::new(1, &[("notify-keyspace-events", "Sh")]);
    let listener = world.connect(0);
    world.ask(listener, "PSUBSCRIBE *");
    let peer = world.connect(0);
    world.ask(peer, "HSETEX a PX 100 FIELDS 2 f 1 g 2\r\nHSET a stays 1");
    world.settle();
    world.read(listener);
    world.pass_ms(200);
    world.ask(peer, "HSET a more 1");
    world.settle();
    let text = world.read(listener);
    let told: Vec<&str> = text.split("\r\n").skip(8).step_by(9).collect();
    // Which of the two goes first is nobody's business.
    assert!(matches!(told[..], ["hexpired|1:f,1:g" | "hexpired|1:g,1:f", "hset|4:more"]), "{told:?}");
}

#[test]
fn a_transaction_tells_in_the_order_of_its_commands_and_after_a_change_of_the_parameter() {
    let mut world = World::new(2, &[]);
    let listener = listener(&mut world, 1);
    let peer = world.connect(0);
    world.ask(
        peer,
        "MULTI\r\nSET a 1\r\nCONFIG SET notify-keyspace-events EA\r\nDEL a\r\nLPUSH a x\r\n\
         CONFIG SET notify-keyspace-events \"\"\r\nDEL a\r\nEXEC",
    );
    assert_eq!(heard(&mut world, listener), ["del a", "lpush a"]);
}

#[test]
fn a_script_tells_once_even_if_it_has_to_begin_again() {
    let mut world = World::new(2, &[("notify-keyspace-events", "EAmn")]);
    let listener = listener(&mut world, 1);
    let peer = world.connect(0);
    // The second key is not declared, so the script is run again with everything locked.
    let script = "redis.call('get', KEYS[1]); redis.call('set', KEYS[1], 1); redis.call('del', 'other')";
    world.ask(peer, "SET other 1");
    assert_eq!(world.ask(peer, &format!("EVAL \"{script}\" 1 a")), "$-1\r\n");
    assert_eq!(
        heard(&mut world, listener),
        ["new other", "set other", "keymiss a", "new a", "set a", "del other"]
    );
}

#[test]
fn who_has_waited_causes_events_behind_those_of_who_served_it() {
    let mut world = World::new(2, &[("notify-keyspace-events", "EA")]);
    let listener = listener(&mut world, 1);
    let (waiting, peer) = (world.connect(1), world.connect(0));
    world.ask(waiting, "BLMOVE a b LEFT RIGHT 0");
    world.ask(peer, "RPUSH a x y");
    assert_eq!(heard(&mut world, listener), ["rpush a", "rpush b", "lpop a"]);
}

#[test]
fn due_keys_and_fields_are_told_without_a_command() {
    let mut world = World::new(1, &[("notify-keyspace-events", "EA")]);
    let listener = listener(&mut world, 0);
    let peer = world.connect(0);
    world.ask(peer, "SET a 1 PX 100\r\nHSETEX h PX 200 FIELDS 1 f 1");
    heard(&mut world, listener);
    world.pass_ms(150);
    assert_eq!(heard(&mut world, listener), ["expired a"]);
    world.pass_ms(150);
    assert_eq!(heard(&mut world, listener), ["hexpired h", "del h"]);
    world.ask(peer, "DEBUG SET-ACTIVE-EXPIRE 0\r\nSET a 1 PX 100");
    world.pass_ms(150);
    heard(&mut world, listener);
    world.ask(peer, "GET a\r\nGET a");
    assert_eq!(heard(&mut world, listener), ["expired a"], "once, by whoever looks first");
}

#[test]
fn evicted_keys_are_told() {
    let mut world =
        World::with_counted_data(&[("notify-keyspace-events", "Ee"), ("maxmemory-policy", "allkeys-lru")]);
    let listener = listener(&mut world, 0);
    let peer = world.connect(0);
    world.ask(peer, "SET a 1");
    world.ask(peer, "CONFIG SET maxmemory 1");
    world.ask(peer, "GET b");
    assert_eq!(heard(&mut world, listener), ["evicted a"]);
}

#[test]
fn events_of_a_key_are_heard_in_the_order_of_its_changes() {
    let mut world = World::new(3, &[("notify-keyspace-events", "EA")]);
    let listeners = [0, 1, 2].map(|worker| listener(&mut world, worker));
    let peers = [0, 1].map(|worker| world.connect(worker));
    let mut expected = Vec::new();
    for round in 0..20 {
        let (first, second) = (peers[round % 2], peers[1 - round % 2]);
        world.ask(first, "SET a 1");
        world.ask(second, "DEL a");
        expected.extend(["set a", "del a"]);
    }
    for listener in listeners {
        assert_eq!(heard(&mut world, listener), expected);
    }
}

#[test]
fn a_client_may_hear_of_what_it_does_itself() {
    let mut world = World::new(1, &[("notify-keyspace-events", "K$")]);
    let peer = world.connect(0);
    world.ask(peer, "HELLO 3");
    world.ask(peer, "SUBSCRIBE __keyspace@0__:a");
    assert_eq!(world.ask(peer, "SET a 1"), "+OK\r\n");
    world.settle();
    assert_eq!(world.read(peer), ">3\r\n$7\r\nmessage\r\n$16\r\n__keyspace@0__:a\r\n$3\r\nset\r\n");
}

#[test]
fn a_result_that_took_many_turns_is_told_when_it_is_there() {
    const MEMBERS: usize = 20_000;
    let mut world = World::new(2, &[("notify-keyspace-events", "KEA")]);
    let [peer, other] = [(); 2].map(|()| world.connect(0));
    for first in (0..MEMBERS).step_by(1000) {
        let members: Vec<String> =
            (first..first + 1000).map(|number| format!("{number} m{number}")).collect();
        world.ask(peer, &format!("ZADD {{k}}a {}", members.join(" ")));
    }
    world.settle();
    let listeners = [0, 1].map(|worker| listener(&mut world, worker));
    for (command, event) in [
        ("ZUNIONSTORE {k}to 1 {k}a", "zunionstore {k}to"),
        ("SORT {k}a BY nosort STORE {k}to", "sortstore {k}to"),
    ] {
        world.send(peer, command);
        assert!(world.is_computing(0), "{command}: it takes more than a turn");
        world.ask_only(other, "SET {k}between 1");
        for listener in listeners {
            let heard = heard(&mut world, listener);
            assert_eq!(heard.last().map(String::as_str), Some("set {k}between"), "{command}: {heard:?}");
        }
        world.compute(0);
        for listener in listeners {
            let heard = heard(&mut world, listener);
            assert_eq!(heard.last().map(String::as_str), Some(event), "{command}");
            assert!(heard.len() <= 2, "{command}: {heard:?}");
        }
    }
}
