//! Timing equal commands of a pipeline together.
//!
//! To read the clock takes a tenth of the time of a short command. So commands that follow each other in a group are timed as one
//! if they are the same, short, have the flag FAST and no argument more than they must, answer no error, and nobody asks for times
//! below a millisecond: each counts with its share of the time, and if all took long, it is the last of them that is noted.

use super::Prepared;
use crate::args::Args;
use crate::command::Flags;
use crate::commandlog::Topic;
use crate::context::Context;
use crate::statistics::WorkerStatistics;
use crate::table::Row;

/// Who asks for shorter times than this gets the time of each command.
const SHORT_NS: u64 = 1_000_000;
/// Longer requests are timed by themselves.
const SHORT_BYTES: usize = 4096;

/// Commands that have run and are timed with the one behind them.
#[derive(Debug, Default)]
pub(super) struct Together {
    row: usize,
    calls: u64,
}

impl Prepared {
    /// What stands behind it in its group.
    pub fn precedes(&mut self, next: &Self) {
        self.is_followed_by_equal = match (&self.row, &next.row) {
            (Ok(row), Ok(next)) => row.index == next.index,
            _ => false,
        };
    }

    /// Whether it is timed with what stands behind it. It has run and answered no error.
    #[inline]
    pub(super) fn is_timed_with_next(&self, context: &Context<'_, '_>, row: &Row, args: &Args<'_>) -> bool {
        let (command, shared) = (row.command, context.shared);
        self.is_followed_by_equal
            && command.flags.has(Flags::FAST)
            && args.len() == command.arity.unsigned_abs() as usize
            && args.most_request_bytes() < SHORT_BYTES
            && !context.session.is_suspended()
            && !shared.command_log.of(Topic::Slow).wants(SHORT_NS)
            && !shared.hot_keys.is_on(context.access.now())
    }
}

impl Together {
    /// Another one, like so many before it, is timed with the next.
    #[inline]
    pub(super) fn add(&mut self, row: &Row, before: u64) {
        *self = Self { row: row.index, calls: before + 1 };
    }

    /// How many a command is timed with that runs now. Others, whose next one did not run after all, took no time.
    #[inline]
    pub(super) fn take(&mut self, row: &Row, statistics: &WorkerStatistics) -> u64 {
        let calls = std::mem::take(&mut self.calls);
        if calls > 0 && self.row != row.index {
            statistics.ran(self.row, calls, 0, false, false);
            return 0;
        }
        calls
    }
}
