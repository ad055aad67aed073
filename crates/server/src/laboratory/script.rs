//! What a world does: lines of text, one step each.
//!
//! A line of words is a request, several with `|` between them are sent in one piece; `@n` stands for n letters, so that batches
//! reach over pages, and `#` for a number that counts up, so that no two states are equal. Words in parentheses are for the world.

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Requests of one client, in one piece.
    Ask(Vec<Vec<String>>),
    /// The persistence thread has its turn.
    Turn,
    /// The saver does what it has to.
    Saver,
    /// So many milliseconds pass.
    Pass(u64),
}

/// All that changes files: units of one and several commands and of scripts, rewrites, saves, the log switched off and on.
pub(super) const EVERYTHING: &str = "
    SET a #
    INCR count
    MULTI | SET left # | SET right # | HSET hash f # | EXEC
    (pass 700)
    SET large @6000
    SELECT 1 | RPUSH list #
    EVAL redis.call('SET',KEYS[1],ARGV[1]);redis.call('INCR',KEYS[2]) 2 {s}x {s}y #
    EVAL redis.call('SET',KEYS[1],ARGV[1]);redis.call('SET',KEYS[2],ARGV[1]);redis.call('RPUSH',KEYS[3],ARGV[1]) 3 left right both #
    (turn)
    BGREWRITEAOF
    INCR count
    (turn)
    MULTI | SET left # | SET right # | EXEC
    APPEND large @3000
    (saver)
    INCR count
    (turn)
    SET a #
    (pass 600)
    BGSAVE
    MULTI | DEL hash | SET left # | SET right # | EXEC
    (saver)
    (turn)
    INCR count
    SET big @20000
    (pass 300)
    BGREWRITEAOF
    SET a #
    (turn)
    (saver)
    MULTI | SET left # | SET right # | EXEC
    (turn)
    CONFIG SET appendonly no
    INCR count
    (turn)
    SET a #
    SAVE
    INCR count
    CONFIG SET appendonly yes
    SET a #
    (turn)
    MULTI | SET left # | SET right # | EXEC
    (saver)
    INCR count
    (turn)
    SET a #
    (pass 1200)
    MULTI | SET left # | SET right # | EXEC
    INCR count
";

/// A backup is made, and its files go, while data changes.
pub(super) const BACKUP: &str = "
    SET a #
    MULTI | SET left # | SET right # | HSET hash f # | EXEC
    SET large @6000
    (turn)
    BACKUP START
    SET a #
    (turn)
    INCR count
    BGREWRITEAOF
    (saver)
    MULTI | SET left # | SET right # | EXEC
    (turn)
    APPEND large @3000
    SELECT 1 | RPUSH list #
    BGSAVE
    (turn)
    (pass 600)
    INCR count
    SET late #
    BACKUP SEAL
    SET a #
    (turn)
    MULTI | SET left # | SET right # | EXEC
    INCR count
    (saver)
    (pass 700)
    SET a #
    BACKUP CLEANUP
    INCR count
    (turn)
    SET a #
    (pass 500)
";

/// The append-only file is switched off and on beside backups.
pub(super) const BACKUP_AND_SWITCH: &str = "
    SET a #
    MULTI | SET left # | SET right # | EXEC
    (turn)
    RPUSH list #
    BACKUP START
    CONFIG SET appendonly no
    RPUSH list #
    (turn)
    (saver)
    (turn)
    RPUSH list #
    INCR count
    BACKUP SEAL
    CONFIG SET appendonly yes
    RPUSH list #
    (turn)
    (saver)
    (turn)
    INCR count
    BACKUP CLEANUP
    (turn)
    BACKUP START
    RPUSH list #
    (turn)
    CONFIG SET appendonly no
    CONFIG SET appendonly yes
    RPUSH list #
    (turn)
    (saver)
    (turn)
    RPUSH list #
    BACKUP SEAL
    INCR count
    (turn)
    (saver)
    (pass 1200)
    RPUSH list #
    INCR count
";

/// A script without rewrites: the log grows to some tens of kilobytes.
pub(super) const APPENDS: &str = "
    SET a #
    MULTI | SET left # | SET right # | HSET hash f # | EXEC
    SET first @9000
    INCR count
    (pass 700)
    MULTI | SET left # | APPEND first @5000 | EXEC
    SET second @12000
    (turn)
    INCR count
    RPUSH list # # #
    MULTI | SET left # | SET right # | EXEC
    SET third @15000
    (pass 400)
    INCR count
    MULTI | SET a # | APPEND second @9000 | EXEC
    SET b #
    SADD set # # #
    ZADD scores 1 # 2 #
    (pass 600)
    SET fourth @16000
    INCR count
";

/// The steps of a script.
pub(super) fn steps(script: &str) -> Vec<Step> {
    let mut number = 0;
    script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| step(line, &mut number))
        .collect()
}

fn step(line: &str, number: &mut u64) -> Step {
    if let Some(words) = line.strip_prefix('(') {
        let words: Vec<&str> = words.trim_end_matches(')').split(' ').collect();
        return match words[..] {
            ["turn"] => Step::Turn,
            ["saver"] => Step::Saver,
            ["pass", time] => Step::Pass(time.parse().expect("a time is a number")),
            _ => panic!("what is {line}?"),
        };
    }
    let mut word = |text: &str| {
        if text == "#" {
            *number += 1;
            return number.to_string();
        }
        match text.strip_prefix('@') {
            Some(count) => letters(count.parse().expect("so many letters")),
            None => text.to_owned(),
        }
    };
    Step::Ask(line.split(" | ").map(|request| request.split(' ').map(&mut word).collect()).collect())
}

/// Letters among which no two pages are equal.
fn letters(count: usize) -> String {
    let text = (0..).map(|number: usize| format!("{number:x}-"));
    let mut letters: String = text.take(count.div_ceil(2)).collect();
    letters.truncate(count);
    letters
}
