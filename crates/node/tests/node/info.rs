//! INFO: the names of Redis's fields, and values that follow what happens.

use std::collections::BTreeSet;

use crate::world::{Peer, World};

/// The names of the fields that Redis 8.0.6 prints for INFO EVERYTHING, without those of single commands and databases.
const REDIS_FIELDS: &str = include_str!("info_fields.txt");

/// Those that are not here, and why.
const MISSING: &[(&str, &str)] = &[("module", "modules are not offered")];

/// A field of INFO.
fn field(world: &mut World, peer: Peer, name: &str) -> String {
    let text = world.ask(peer, "INFO everything");
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}:")).map(str::to_owned));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
}

/// A field that is a number.
fn number<N: std::str::FromStr>(world: &mut World, peer: Peer, name: &str) -> N {
    let text = field(world, peer, name);
    text.parse().unwrap_or_else(|_| panic!("{name}:{text} is no number"))
}

#[test]
fn every_field_of_redis_is_there_or_has_a_reason_not_to_be() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    world.ask(peer, "GET\r\nSET a 1\r\nHGET a b");
    let text = world.ask(peer, "INFO everything");
    let own: BTreeSet<&str> = text.lines().filter_map(|line| Some(line.split_once(':')?.0)).collect();
    let missing: Vec<&str> = REDIS_FIELDS.lines().filter(|name| !own.contains(name)).collect();
    let excused: Vec<&str> = MISSING.iter().map(|(name, _)| *name).collect();
    assert_eq!(missing, excused);
}

#[test]
fn rates_follow_what_happens_and_end_with_it() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    for _ in 0..20 {
        world.ask(peer, &"PING\r\n".repeat(50));
        world.pass_ms(100);
    }
    assert_eq!(field(&mut world, peer, "instantaneous_ops_per_sec"), "500");
    let sent: f64 = number(&mut world, peer, "instantaneous_output_kbps");
    assert!((sent - 500.0 * 7.0 / 1024.0).abs() < 0.1, "{sent}");
    assert!(number::<f64>(&mut world, peer, "instantaneous_input_kbps") > 2.0);
    for _ in 0..40 {
        world.pass_ms(100);
    }
    assert_eq!(field(&mut world, peer, "instantaneous_ops_per_sec"), "0");
}

#[test]
fn what_is_refused_to_scripts_is_counted() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    let calls = "for _, name in ipairs({'subscribe', 'get', 'nosuch'}) do redis.pcall(name) end";
    world.ask(peer, &format!("EVAL \"{calls}\" 0"));
    world.ask(peer, "EVAL_RO \"return redis.pcall('set', 'a', 'b')\" 0");
    for name in ["subscribe", "get", "set"] {
        let counts = field(&mut world, peer, &format!("cmdstat_{name}"));
        assert!(counts.starts_with("calls=0,"), "{name}: {counts}");
        assert!(counts.ends_with("rejected_calls=1,failed_calls=0"), "{name}: {counts}");
    }
}

#[test]
fn memory_stats_have_every_field_of_redis() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    world.ask(peer, "SET k v");
    world.ask(peer, "SELECT 3\r\nSET k v");
    let told = world.ask(peer, "MEMORY STATS");
    let names: Vec<&str> =
        told.split("\r\n").filter(|word| word.contains('.') && !word.starts_with('$')).collect();
    for name in [
        "peak.allocated total.allocated startup.allocated replication.backlog replica.fullsync.buffer clients.slaves",
        "clients.normal cluster.links aof.buffer lua.caches functions.caches script.VMs db.0 db.3",
        "overhead.hashtable.main overhead.hashtable.expires overhead.db.hashtable.lut",
        "overhead.db.hashtable.rehashing overhead.total db.dict.rehashing.count keys.count keys.bytes-per-key",
        "dataset.bytes dataset.percentage peak.percentage allocator.allocated allocator.active allocator.resident",
        "allocator.muzzy allocator-fragmentation.ratio allocator-fragmentation.bytes allocator-rss.ratio",
        "allocator-rss.bytes rss-overhead.ratio rss-overhead.bytes fragmentation.bytes",
    ]
    .iter()
    .flat_map(|line| line.split(' '))
    {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    assert!(told.contains("keys.count\r\n:2\r\n"), "{told}");
}

#[test]
fn an_error_that_a_script_passes_on_is_counted_once() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    world.ask(peer, "LPUSH l a");
    for script in [
        "return redis.call('incr', 'l')",
        "return redis.pcall('incr', 'l')",
        "redis.pcall('incr', 'l') return 1",
        "return redis.error_reply('MY error')",
        "error('mine')",
    ] {
        world.ask(peer, &format!("EVAL \"{script}\" 0"));
    }
    assert_eq!(field(&mut world, peer, "errorstat_WRONGTYPE"), "count=3");
    assert_eq!(field(&mut world, peer, "errorstat_MY"), "count=1");
    assert_eq!(field(&mut world, peer, "errorstat_ERR"), "count=1");
}

#[test]
fn what_is_refused_to_a_script_is_counted_once() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    for call in ["call", "pcall"] {
        world.ask(peer, "CONFIG RESETSTAT");
        world.ask(peer, &format!("EVAL_RO \"return redis.{call}('set', 'x', 'y')\" 1 x"));
        assert_eq!(field(&mut world, peer, "errorstat_ERR"), "count=1", "{call}");
        assert_eq!(field(&mut world, peer, "total_error_replies"), "1", "{call}");
        assert!(
            field(&mut world, peer, "cmdstat_set").ends_with("rejected_calls=1,failed_calls=0"),
            "{call}"
        );
        assert!(
            field(&mut world, peer, "cmdstat_eval_ro").ends_with("rejected_calls=0,failed_calls=1"),
            "{call}"
        );
    }
}

#[test]
fn what_interpreters_use_is_told() {
    let mut world = World::new(2, &[]);
    let peers = [world.connect(0), world.connect(1)];
    let [scripts, functions] = ["used_memory_vm_eval", "used_memory_vm_functions"];
    let bytes = |world: &mut World, name| field(world, peers[0], name).parse::<u64>().expect("a number");
    assert_eq!((bytes(&mut world, scripts), bytes(&mut world, functions)), (0, 0));
    world.ask(peers[0], "EVAL \"return 1\" 0");
    world.pass_ms(200);
    let one = bytes(&mut world, scripts);
    assert!(one > 10_000, "{one}");
    world.ask(peers[1], "EVAL \"return 1\" 0");
    let library = "#!lua name=l\\nredis.register_function('f', function() return 1 end)";
    world.ask(peers[1], &format!("FUNCTION LOAD \"{library}\"\r\nFCALL f 0"));
    world.pass_ms(200);
    assert!(bytes(&mut world, scripts) > one, "each worker has one");
    let sum = bytes(&mut world, scripts) + bytes(&mut world, functions);
    assert!(bytes(&mut world, functions) > 10_000);
    assert_eq!(bytes(&mut world, "used_memory_vm_total"), sum);
}

#[test]
fn errors_are_counted_by_their_codes() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    world.ask(peer, "SET k v\r\nHGET k f\r\nHGET k f\r\nNOSUCH\r\nGET\r\nMULTI\r\nHGET k f\r\nEXEC\r\nEXEC");
    assert_eq!(field(&mut world, peer, "errorstat_WRONGTYPE"), "count=3");
    assert_eq!(field(&mut world, peer, "errorstat_ERR"), "count=3");
    assert_eq!(field(&mut world, peer, "total_error_replies"), "6");
    assert!(field(&mut world, peer, "cmdstat_hget").ends_with("rejected_calls=0,failed_calls=3"));
    assert!(field(&mut world, peer, "cmdstat_get").ends_with("rejected_calls=1,failed_calls=0"));
    world.ask(peer, "CONFIG RESETSTAT");
    assert_eq!(field(&mut world, peer, "total_error_replies"), "0");
    assert!(!world.ask(peer, "INFO errorstats").contains("errorstat_"));
}

#[test]
fn times_of_keys_are_told_for_each_database() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    world.ask(
        peer,
        "SET a 1 PX 10000\r\nSET b 1 PX 20000\r\nSET c 1\r\nHSET h f v\r\nHPEXPIRE h 5000 FIELDS 1 f",
    );
    assert_eq!(field(&mut world, peer, "db0"), "keys=4,expires=2,avg_ttl=15000,subexpiry=1");
    world.pass_ms(10_001);
    assert_eq!(field(&mut world, peer, "db0"), "keys=2,expires=1,avg_ttl=9999,subexpiry=0");
    assert_eq!(field(&mut world, peer, "expired_keys"), "1");
    assert_eq!(field(&mut world, peer, "expired_subkeys"), "1");
}

#[test]
fn threads_that_serve_clients_count_as_the_main_thread() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    assert_eq!(field(&mut world, peer, "used_cpu_user"), "3.000000");
    assert_eq!(field(&mut world, peer, "used_cpu_user_main_thread"), "2.500000");
    assert_eq!(field(&mut world, peer, "used_cpu_sys_main_thread"), "1.000000");
    assert_eq!(field(&mut world, peer, "current_fork_perc"), "0.00");
}

#[test]
fn statistics_that_were_reset_stay_so() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    world.ask(peer, "GET a\r\nSET a 1\r\nGET a");
    assert_eq!(
        (field(&mut world, peer, "keyspace_hits"), field(&mut world, peer, "keyspace_misses")),
        ("1".into(), "1".into())
    );
    world.ask(peer, "CONFIG RESETSTAT");
    world.ask(peer, "GET a");
    assert_eq!(
        (field(&mut world, peer, "keyspace_hits"), field(&mut world, peer, "keyspace_misses")),
        ("1".into(), "0".into())
    );
}

#[test]
fn who_asks_how_a_value_is_kept_looks_it_up() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    world.ask(peer, "SET k v");
    for word in ["ENCODING", "REFCOUNT", "IDLETIME", "FREQ"] {
        world.ask(peer, &format!("CONFIG RESETSTAT\r\nOBJECT {word} k\r\nOBJECT {word} none"));
        let counts = ["keyspace_hits", "keyspace_misses"].map(|name| field(&mut world, peer, name));
        assert_eq!(counts, ["1", "1"], "{word}");
    }
}

#[test]
fn sources_that_are_looked_at_again_are_counted_once() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    let pairs: Vec<String> = (0..2000).map(|number| format!("1 {number}")).collect();
    for key in ["one", "other"] {
        world.ask(peer, &format!("ZADD {key} {}", pairs.join(" ")));
    }
    world.ask(peer, "CONFIG RESETSTAT");
    assert_eq!(world.ask(peer, "ZUNIONSTORE to 3 one other none"), ":2000\r\n");
    assert_eq!(
        (field(&mut world, peer, "keyspace_hits"), field(&mut world, peer, "keyspace_misses")),
        ("2".into(), "1".into())
    );
}

#[test]
fn memory_is_split_into_what_data_takes_and_the_rest() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    let mut get = |name| number::<usize>(&mut world, peer, name);
    assert_eq!(get("used_memory"), 4_000_000);
    assert_eq!(get("used_memory_startup"), 4_000_000);
    assert_eq!(get("used_memory_overhead") + get("used_memory_dataset"), 4_000_000);
    assert_eq!(get("allocator_frag_bytes"), 1_000_000);
    assert_eq!(get("rss_overhead_bytes"), 1_000_000);
    assert!(get("mem_clients_normal") > 0);
}

#[test]
fn sizes_of_values_are_told_by_powers_of_two() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    assert!(!world.ask(peer, "INFO keysizes").contains("distrib"));
    world.ask(peer, "DEBUG POPULATE 5 a 1023\r\nDEBUG POPULATE 3 b 1024\r\nDEBUG POPULATE 1 c 2097152");
    world.ask(peer, "SET d \"\"\r\nRPUSH l 1 2 3\r\nSADD s 1 2 3 4\r\nHSET h f v\r\nPEXPIRE h 1");
    assert_eq!(field(&mut world, peer, "db0_distrib_strings_sizes"), "0=1,512=5,1K=3,2M=1");
    assert_eq!(field(&mut world, peer, "db0_distrib_lists_items"), "2=1");
    assert_eq!(field(&mut world, peer, "db0_distrib_sets_items"), "4=1");
    assert_eq!(field(&mut world, peer, "db0_distrib_hashes_items"), "1=1");
    world.pass_ms(2);
    assert!(!world.ask(peer, "INFO").contains("hashes_items"), "what is due is not counted");
    // A large database is estimated, from the one shard that has its keys if need be.
    world.ask(peer, "FLUSHALL\r\nDEBUG POPULATE 20000 {one} 8\r\nDEBUG POPULATE 20000 all 16");
    let text = field(&mut world, peer, "db0_distrib_strings_sizes");
    let counts: Vec<u64> = text.split(',').filter_map(|part| part.split_once('=')?.1.parse().ok()).collect();
    assert!(counts.iter().sum::<u64>().abs_diff(40_000) < 100, "{text}");
    assert!(text.starts_with("8=") || text.starts_with("16="), "{text}");
}
