//! What was refused: ACL LOG.
//!
//! The newest entry stands first. The same refusal within a minute is counted in its entry, which becomes the newest; only
//! a few entries are searched for it, so that a refusal costs little however long the log is.

use std::collections::VecDeque;

use stdx::time::UnixMs;

use crate::request::Reason;

/// The same refusal after this time is a new entry.
const GROUPING_MS: i64 = 60_000;
/// Entries that are searched.
const SEARCHED: usize = 10;
/// Bytes of an object or a user's name that are kept: what was refused may be as long as a request.
const NAME_BYTES: usize = 1024;

/// Where a command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On its own.
    TopLevel,
    /// In a transaction.
    Transaction,
    /// In a script of Lua.
    Lua,
    /// In another script.
    Script,
}

impl Place {
    /// Its name in ACL LOG.
    pub fn name(self) -> &'static str {
        match self {
            Self::TopLevel => "toplevel",
            Self::Transaction => "multi",
            Self::Lua => "lua",
            Self::Script => "script",
        }
    }
}

/// What was refused to whom.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'a> {
    /// Why.
    pub reason: Reason,
    /// Where.
    pub place: Place,
    /// The command, key, channel or database.
    pub object: &'a [u8],
    /// The user.
    pub user: &'a [u8],
    /// The client's line in CLIENT LIST.
    pub client: &'a str,
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// How often.
    pub count: u64,
    /// Why.
    pub reason: Reason,
    /// Where.
    pub place: Place,
    /// The command, key, channel or database.
    pub object: Vec<u8>,
    /// The user.
    pub user: Vec<u8>,
    /// The client that was refused last, as in CLIENT LIST.
    pub client: String,
    /// Its number, never used again.
    pub id: u64,
    /// The first time.
    pub created: UnixMs,
    /// The last time.
    pub updated: UnixMs,
}

impl Record {
    /// Seconds since the last time.
    pub fn age_s(&self, now: UnixMs) -> f64 {
        (now.0 - self.updated.0) as f64 / 1000.0
    }

    fn is_of(&self, refusal: &Refusal<'_>, now: UnixMs) -> bool {
        self.reason == refusal.reason
            && self.place == refusal.place
            && (now.0 - self.updated.0).abs() <= GROUPING_MS
            && self.object == shortened(refusal.object)
            && self.user == shortened(refusal.user)
    }
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct AuditLog {
    records: VecDeque<Record>,
    next_id: u64,
}

impl AuditLog {
    /// Notes a refusal; the log keeps `limit` entries.
    pub fn add(&mut self, refusal: &Refusal<'_>, now: UnixMs, limit: usize) {
        let same = self.records.iter().take(SEARCHED).position(|record| record.is_of(refusal, now));
        let known = same.and_then(|at| self.records.remove(at));
        let record = known.unwrap_or_else(|| {
            self.next_id += 1;
            Record {
                count: 0,
                reason: refusal.reason,
                place: refusal.place,
                object: shortened(refusal.object).to_vec(),
                user: shortened(refusal.user).to_vec(),
                client: String::new(),
                id: self.next_id - 1,
                created: now,
                updated: now,
            }
        });
        let client = refusal.client.to_owned();
        self.records.push_front(Record { count: record.count + 1, client, updated: now, ..record });
        self.records.truncate(limit);
    }

    /// The newest entries.
    pub fn newest(&self, count: usize) -> Vec<Record> {
        self.records.iter().take(count).cloned().collect()
    }

    /// Forgets all entries.
    pub fn reset(&mut self) {
        self.records.clear();
    }
}

fn shortened(name: &[u8]) -> &[u8] {
    &name[..name.len().min(NAME_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal<'a>(object: &'a [u8], user: &'a [u8]) -> Refusal<'a> {
        Refusal { reason: Reason::Key, place: Place::TopLevel, object, user, client: "id=1" }
    }

    fn shown(log: &AuditLog) -> Vec<(u64, u64, &[u8])> {
        log.records.iter().map(|record| (record.id, record.count, &record.object[..])).collect()
    }

    #[test]
    fn the_same_refusal_is_counted_within_a_minute() {
        let mut log = AuditLog::default();
        log.add(&refusal(b"a", b"u"), UnixMs(0), 128);
        log.add(&refusal(b"b", b"u"), UnixMs(1), 128);
        log.add(&refusal(b"a", b"u"), UnixMs(60_000), 128);
        assert_eq!(shown(&log), [(0, 2, &b"a"[..]), (1, 1, b"b")]);
        log.add(&refusal(b"a", b"u"), UnixMs(120_001), 128);
        assert_eq!(shown(&log), [(2, 1, &b"a"[..]), (0, 2, b"a"), (1, 1, b"b")]);
        let newest = &log.newest(2)[1];
        assert_eq!((newest.created, newest.updated), (UnixMs(0), UnixMs(60_000)));
        assert!((newest.age_s(UnixMs(61_500)) - 1.5).abs() < 1e-9);
    }

    #[test]
    fn refusals_that_differ_are_entries_of_their_own() {
        let mut log = AuditLog::default();
        let base = refusal(b"a", b"u");
        let others = [
            refusal(b"a", b"v"),
            refusal(b"b", b"u"),
            Refusal { reason: Reason::Command, ..base },
            Refusal { place: Place::Transaction, ..base },
            Refusal { place: Place::Lua, ..base },
        ];
        for refusal in others.iter().chain([&base]) {
            log.add(refusal, UnixMs(0), 128);
        }
        assert_eq!(log.newest(usize::MAX).len(), 6);
        log.add(&Refusal { client: "id=2", ..base }, UnixMs(0), 128);
        assert_eq!(log.newest(1)[0].client, "id=2", "the client does not tell entries apart");
        assert_eq!(log.newest(usize::MAX).len(), 6);
    }

    #[test]
    fn only_so_many_entries_are_kept_and_only_a_few_searched() {
        let mut log = AuditLog::default();
        for number in 0..20_u8 {
            log.add(&refusal(&[number], b"u"), UnixMs(0), 15);
        }
        assert_eq!(log.newest(usize::MAX).len(), 15);
        log.add(&refusal(&[19], b"u"), UnixMs(0), 15);
        log.add(&refusal(&[5], b"u"), UnixMs(0), 15);
        let counts: Vec<_> = log.newest(2).iter().map(|record| record.count).collect();
        assert_eq!(counts, [1, 2], "an old entry is not found again");
        log.add(&refusal(b"x", b"u"), UnixMs(0), 0);
        assert!(log.newest(1).is_empty());
    }

    #[test]
    fn long_names_are_cut() {
        let mut log = AuditLog::default();
        let long = vec![b'x'; 1 << 20];
        log.add(&refusal(&long, &long), UnixMs(0), 128);
        log.add(&refusal(&long, &long), UnixMs(0), 128);
        let record = &log.newest(1)[0];
        assert_eq!((record.object.len(), record.user.len(), record.count), (1024, 1024, 2));
    }
}
