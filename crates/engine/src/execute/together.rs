//! Timing equal commands of a pipeline together.
//!
//! To read the clock takes a tenth of the time of a short command. So commands that follow each other in a group are timed as one
//! if they are the same, short, have the flag FAST or BRIEF and no argument more than they must, answer no error, and nobody asks for
//! times below a millisecond: each counts with its share of the time, and if all took long, it is the last of them that is noted. Of
//! the others there is nothing to note.

use std::sync::atomic::Ordering;

use super::{Prepared, Written};
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

    /// Whether it is timed with what stands behind it, and nobody wants to note anything else of it. It has run and answered no
    /// error.
    #[inline]
    pub(super) fn is_timed_with_next(
        &self,
        context: &Context<'_, '_>,
        row: &Row,
        args: &Args<'_>,
        written: &Written<'_>,
    ) -> bool {
        let (command, shared) = (row.command, context.shared);
        let [slow, request, answer] = Topic::ALL.map(|topic| shared.command_log.of(topic));
        let bytes = args.most_request_bytes().max(written.bytes);
        self.is_followed_by_equal
            && (command.flags.has(Flags::FAST) || command.flags.has(Flags::BRIEF))
            && args.len() == command.arity.unsigned_abs() as usize
            && bytes < SHORT_BYTES
            && written.later.is_none()
            && !context.session.is_suspended()
            && !(slow.wants(SHORT_NS) | request.wants(bytes as u64) | answer.wants(bytes as u64))
            && !shared.hot_keys.is_on(context.access.now())
            && shared.clients.monitors.load(Ordering::Relaxed) == 0
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
