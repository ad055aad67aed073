//! What INFO tells of times at which keys are due, found in a bounded look at the shards.

use crate::access::Access;
use crate::key::DbIndex;

/// Shards whose keys are looked at, and pages of each.
const SHARDS: usize = 16;
const PAGES: usize = 8;
/// Keys of a shard that are enough.
const KEYS: u64 = 16;

/// See the module's text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DueFigures {
    /// Milliseconds until a key is due, on the average of some of those that are due at all.
    pub average_ttl_ms: u64,
    /// Hashes with fields that are due at some time.
    pub hashes_with_due_fields: usize,
}

impl Access<'_> {
    /// Figures of a database. Called inside a batch, with nothing locked or everything.
    pub fn due_figures(&self, database: DbIndex) -> DueFigures {
        let (mut sum, mut found, mut shards_left, mut hashes) = (0_u64, 0_u64, SHARDS, 0);
        let shards = self.keyspace().shards();
        // The shards that are looked at change with time.
        let first = self.now.0.unsigned_abs() as usize % shards;
        for shard in (first..shards).chain(0..first) {
            self.with_partition(shard, database, |partition| {
                let Some(partition) = partition else { return };
                hashes += partition.field_times.len();
                if partition.expiring == 0 || shards_left == 0 {
                    return;
                }
                shards_left -= 1;
                let (mut cursor, enough) = (0, found + KEYS);
                for _ in 0..PAGES {
                    cursor = partition.table.scan(cursor, &mut |entry| {
                        if let Some(expiry) = entry.meta.expiry.filter(|&expiry| expiry > self.now) {
                            sum = sum.saturating_add((expiry.0 - self.now.0) as u64);
                            found += 1;
                        }
                    });
                    if cursor == 0 || found >= enough {
                        break;
                    }
                }
            });
        }
        DueFigures { average_ttl_ms: sum.checked_div(found).unwrap_or(0), hashes_with_due_fields: hashes }
    }
}
