//! Disturbances that are work on the data: expiry, eviction, saving, deleting.

use std::fmt;
use std::io;
use std::time::Duration;

use client::Client;

use super::{Scene, Stop};
use crate::clock;
use crate::options::Persistence;
use crate::target::{self, expect_ok, info_number};

/// So long after the start of the load many keys expire.
const EXPIRY_AFTER_NS: u64 = 1_000_000_000;
/// How often a server is asked whether it still saves, and for how long at most.
const POLL: Duration = Duration::from_millis(20);
const LONGEST_SAVE_NS: u64 = 300_000_000_000;
/// New keys that a client writes at once while others are evicted, and the pause behind.
const NEW_AT_ONCE: u64 = 50;
const NEW_PAUSE: Duration = Duration::from_millis(5);
/// Used memory is looked at after so many of these pauses, which adds little to the load.
const LOOK_EVERY: u64 = 20;
/// The limit counts as reached when no more than one in so many bytes of it is used beyond it.
const REACHED: u64 = 100;
/// Large values are deleted so far apart, and keys.
const LARGE_PAUSE: Duration = Duration::from_millis(100);
const KEYS_PAUSE: Duration = Duration::from_millis(5);
/// Members that one command adds.
const MEMBERS_AT_ONCE: u64 = 100;
/// Keys that one ordinary DEL names.
const KEYS_AT_ONCE: u64 = 1000;
/// Bytes of the large string.
const LARGE_STRING: u64 = 64 << 20;
/// What a mass DEL names, how many of them there are, and the pause between.
const MASS: u64 = 100_000;
const MASS_COUNT: u64 = 4;
const MASS_PAUSE: Duration = Duration::from_millis(500);

/// A way to save: the command, and what INFO calls its going on.
pub(super) type Saving = (&'static str, &'static [&'static str]);
pub(super) const SAVE: Saving = ("BGSAVE", &["rdb_bgsave_in_progress"]);
pub(super) const REWRITE: Saving = ("BGREWRITEAOF", &["aof_rewrite_in_progress", "aof_rewrite_scheduled"]);

/// Writes keys that expire at one moment, and gives when the load is to start.
pub(super) fn prepare_expiry(client: &mut Client, many: u64) -> io::Result<u64> {
    let start_ns = clock::now_ns();
    target::repeat(client, many, |key| vec!["SET".to_owned(), format!("due:{key:012}"), "x".to_owned()])?;
    // To set the times takes about as long as to write the keys.
    let half_as_long_again_ns = (clock::now_ns() - start_ns) * 3 / 2 + EXPIRY_AFTER_NS;
    let due_ns = clock::now_ns() + half_as_long_again_ns;
    let due_ms = (time_ms(client)? + half_as_long_again_ns / 1_000_000).to_string();
    target::repeat(client, many, |key| {
        vec!["PEXPIREAT".to_owned(), format!("due:{key:012}"), due_ms.clone()]
    })?;
    let load_ns = due_ns - EXPIRY_AFTER_NS;
    if clock::now_ns() > load_ns {
        return Err(io::Error::other("setting the times of expiry took longer than writing the keys"));
    }
    Ok(load_ns)
}

/// The server's clock.
fn time_ms(client: &mut Client) -> io::Result<u64> {
    let reply = expect_ok(client, &["TIME"])?;
    let parts = reply.elements().unwrap_or_default().iter();
    let parts: Vec<u64> = parts.filter_map(|part| part.text()?.parse().ok()).collect();
    match parts[..] {
        [seconds, microseconds] => Ok(seconds * 1000 + microseconds / 1000),
        _ => Err(io::Error::other("the reply to TIME is not two numbers")),
    }
}

pub(super) fn prepare_eviction(client: &mut Client) -> io::Result<()> {
    expect_ok(client, &["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).map(drop)
}

/// What came of a lower limit.
#[derive(Debug, Default)]
struct Lowered {
    limit: u64,
    /// Memory that was used at the last look.
    used: u64,
    /// When the limit was first seen reached, after it was set.
    reached_ns: Option<u64>,
    evicted: u64,
}

impl Lowered {
    /// So much is used, that long after the limit was set.
    fn look(&mut self, used: u64, after_ns: u64) {
        self.used = used;
        if used <= self.limit + self.limit / REACHED {
            self.reached_ns.get_or_insert(after_ns);
        }
    }
}

impl fmt::Display for Lowered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = self.used as f64 / self.limit.max(1) as f64;
        write!(f, "{} keys evicted, {part:.3} of the limit used at the end, ", self.evicted)?;
        match self.reached_ns {
            Some(after_ns) => write!(f, "which was reached within {:.1} s", after_ns as f64 / 1e9),
            None => f.write_str("which was never reached"),
        }
    }
}

/// Lowers the limit below what is used, and writes new keys.
pub(super) fn evict(client: &mut Client, value_size: usize, stop: &Stop) -> io::Result<String> {
    let used = info_number(client, "memory", "used_memory")?;
    let mut lowered = Lowered { limit: used / 10 * 9, ..Lowered::default() };
    let start_ns = clock::now_ns();
    expect_ok(client, &["CONFIG", "SET", "maxmemory", &lowered.limit.to_string()])?;
    let value = "x".repeat(value_size);
    let mut rounds = 0;
    while stop.pause(NEW_PAUSE) {
        target::repeat(client, NEW_AT_ONCE, |key| {
            vec!["SET".to_owned(), format!("new:{:012}", rounds * NEW_AT_ONCE + key), value.clone()]
        })?;
        rounds += 1;
        if rounds.is_multiple_of(LOOK_EVERY) {
            let used = info_number(client, "memory", "used_memory")?;
            lowered.look(used, clock::now_ns() - start_ns);
        }
    }
    lowered.look(info_number(client, "memory", "used_memory")?, clock::now_ns() - start_ns);
    lowered.evicted = info_number(client, "stats", "evicted_keys")?;
    Ok(lowered.to_string())
}

/// Saves as often as it can.
pub(super) fn repeat_saving(client: &mut Client, saving: Saving, stop: &Stop) -> io::Result<String> {
    let mut count = 0;
    while !stop.is_set() {
        expect_ok(client, &[saving.0])?;
        count += 1;
        while is_saving(client, saving)? && stop.pause(POLL) {}
    }
    Ok(format!("{count} begun"))
}

fn is_saving(client: &mut Client, saving: Saving) -> io::Result<bool> {
    for field in saving.1 {
        if info_number(client, "persistence", field)? != 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Waits until nothing is saved.
pub(super) fn await_end(client: &mut Client, saving: Saving) -> io::Result<()> {
    let end_ns = clock::now_ns() + LONGEST_SAVE_NS;
    while is_saving(client, saving)? {
        if clock::now_ns() > end_ns {
            return Err(io::Error::other(format!("{} does not end", saving.0)));
        }
        std::thread::park_timeout(POLL);
    }
    Ok(())
}

/// Has the server begin an append-only file, which is a rewrite in itself.
pub(super) fn prepare_rewrite(client: &mut Client) -> io::Result<()> {
    expect_ok(client, &["CONFIG", "SET", "appendonly", "yes"])?;
    await_end(client, REWRITE)
}

pub(super) fn settle_rewrite(client: &mut Client, persistence: Persistence) -> io::Result<()> {
    await_end(client, REWRITE)?;
    expect_ok(client, &["CONFIG", "SET", "appendonly", persistence.appendonly()]).map(drop)
}

/// Two large collections of each kind, which have so many members together, a large string, and half as many keys.
pub(super) fn prepare_large(client: &mut Client, many: u64) -> io::Result<()> {
    let members = many / LARGE.len() as u64;
    for (name, command) in LARGE {
        target::repeat(client, members.div_ceil(MEMBERS_AT_ONCE), |batch| {
            let mut words = vec![(*command).to_owned(), (*name).to_owned()];
            for number in batch * MEMBERS_AT_ONCE..(batch + 1) * MEMBERS_AT_ONCE {
                match *command {
                    "ZADD" => words.extend([number.to_string(), format!("m{number:012}")]),
                    "HSET" => words.extend([format!("m{number:012}"), "value".to_owned()]),
                    _ => words.push(format!("m{number:012}")),
                }
            }
            words
        })?;
    }
    expect_ok(client, &["SETRANGE", "large:string", &LARGE_STRING.to_string(), "x"])?;
    target::repeat(client, many / 2, |key| vec!["SET".to_owned(), format!("gone:{key:012}"), "x".to_owned()])
}

const LARGE: &[(&str, &str)] = &[
    ("large:hash", "HSET"),
    ("large:set", "SADD"),
    ("large:zset", "ZADD"),
    ("large:list", "RPUSH"),
    ("large:hash2", "HSET"),
    ("large:set2", "SADD"),
    ("large:zset2", "ZADD"),
    ("large:list2", "RPUSH"),
];

/// Deletes the large values one after the other, and then the keys, by DEL and UNLINK in turn.
pub(super) fn delete_large(client: &mut Client, stop: &Stop) -> io::Result<String> {
    let names = LARGE.iter().map(|(name, _)| *name).chain(["large:string"]);
    let mut large = 0;
    for (name, command) in names.zip(["DEL", "UNLINK"].into_iter().cycle()) {
        if !stop.pause(LARGE_PAUSE) {
            break;
        }
        expect_ok(client, &[command, name])?;
        large += 1;
    }
    let mut keys = 0;
    while stop.pause(KEYS_PAUSE) && delete(client, "gone", keys, KEYS_AT_ONCE)? > 0 {
        keys += KEYS_AT_ONCE;
    }
    Ok(format!("{large} values, {keys} keys"))
}

pub(super) fn prepare_keys(client: &mut Client) -> io::Result<()> {
    target::repeat(client, MASS * MASS_COUNT, |key| {
        vec!["SET".to_owned(), format!("gone:{key:012}"), "x".to_owned()]
    })
}

/// Deletes very many keys by one command, some times.
pub(super) fn delete_keys(client: &mut Client, stop: &Stop) -> io::Result<String> {
    let mut count = 0;
    while count < MASS_COUNT && stop.pause(MASS_PAUSE) {
        delete(client, "gone", count * MASS, MASS)?;
        count += 1;
    }
    Ok(format!("{count} times"))
}

/// Deletes keys by one command, and gives how many there were.
fn delete(client: &mut Client, prefix: &str, first: u64, count: u64) -> io::Result<u64> {
    let command = if (first / count).is_multiple_of(2) { "DEL" } else { "UNLINK" };
    let keys = (first..first + count).map(|key| format!("{prefix}:{key:012}"));
    let words: Vec<String> = std::iter::once(command.to_owned()).chain(keys).collect();
    Ok(expect_ok(client, &words)?.integer().unwrap_or(0) as u64)
}

/// Only the keys of the load are there again.
pub(super) fn refill(client: &mut Client, scene: &Scene<'_>) -> io::Result<()> {
    expect_ok(client, &["CONFIG", "SET", "maxmemory", "0"])?;
    expect_ok(client, &["FLUSHALL", "SYNC"])?;
    target::fill(client, scene.shares.keys, scene.shares.value_size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_whether_and_when_the_limit_was_reached() {
        let mut lowered = Lowered { limit: 1000, evicted: 7, ..Lowered::default() };
        lowered.look(1100, 100_000_000);
        let never = "7 keys evicted, 1.100 of the limit used at the end, which was never reached";
        assert_eq!(lowered.to_string(), never);
        lowered.look(1010, 300_000_000);
        lowered.look(1005, 900_000_000);
        let reached = "7 keys evicted, 1.005 of the limit used at the end, which was reached within 0.3 s";
        assert_eq!(lowered.to_string(), reached);
    }
}
