//! Which parts of a file can be read.
//!
//! The reader goes up to what it cannot read. Behind it lines of batches are looked for, and from each that is whole
//! the reader goes on: a *run*. A value may hold what looks like batches, which must not be taken for some. Where the
//! damaged batch has lost its own line nobody knows where its value ends, so runs are chosen from the end of the file
//! backwards. The last one must go up to that end, but for one batch that is torn or damaged, and a run before another
//! must have lower numbers than it. A value can have numbers of batches that came later only by making them up, and
//! then they are those of the runs behind it. It may also claim the number of its own batch, the first one that cannot
//! be read: so no run but the last may begin with that, and where that number is not known no run but the last is
//! trusted. So a value deceives only if its batch was the last one, or if the line of the next one is lost, too.

use std::path::Path;

use persist::aof::{Batch, Chain, FileReader, LastBatch, Mark, Part, Search, Tail};
use persist::rdb::ReadOptions;

use crate::read::{self, Read, Span, WHOLE};

/// Places where a run may begin that are tried, and bytes looked at for that, as a multiple of the file's.
const MAX_TRIES: u32 = 1_000_000;
const MAX_PASSES: u64 = 16;
/// Bytes looked at once in the search for a line: few at first, for the next one may be near.
const STEP: usize = 1 << 16;
const FIRST_STEP: usize = 1 << 12;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Plan {
    /// How to read it.
    pub(crate) options: ReadOptions,
    /// Where the commands begin; none if there is RDB data that does not end.
    pub(crate) commands_from: Option<u64>,
    /// What is wrong with the RDB data.
    pub(crate) rdb_problem: Option<String>,
    /// What can be read from the beginning ends here.
    pub(crate) whole: u64,
    /// What can be read behind it.
    pub(crate) runs: Vec<Run>,
    /// Runs that may be part of a value.
    pub(crate) doubtful: Vec<Run>,
    /// What cannot be read.
    pub(crate) gaps: Vec<Gap>,
    /// Where the search for batches was given up, because too much looks like some.
    pub(crate) given_up: Option<u64>,
    /// What the next file's first batch follows on, if nothing is missing at the end.
    pub(crate) chain: Option<Chain>,
}

/// Batches that can be read one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// Where it begins and ends.
    pub(crate) from: u64,
    pub(crate) until: u64,
    /// Its batches.
    pub(crate) first: LastBatch,
    pub(crate) last: LastBatch,
}

/// Bytes that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    /// Where they begin and end.
    pub(crate) from: u64,
    pub(crate) until: u64,
    /// What is wrong with the first of them.
    pub(crate) reason: String,
    /// The batches around them.
    pub(crate) after: Option<LastBatch>,
    pub(crate) before: Option<LastBatch>,
}

impl Plan {
    /// Looks through a file whose batches follow on others.
    /// With `doubtful` the last run is taken wherever it ends.
    pub(crate) fn make(
        path: &Path,
        options: ReadOptions,
        before: Option<Chain>,
        doubtful: bool,
    ) -> Result<Self, String> {
        let (mut read, mut last) = look(path, options, before)?;
        let has_rdb = crate::target::is_rdb(path);
        let mut rdb_problem = None;
        let mut options = options;
        if let (true, None, Err(damage)) = (has_rdb, read.commands_from, &read.end) {
            rdb_problem = Some(damage.to_string());
            // If only its checksum is wrong, it ends all the same.
            options.verify_checksum = false;
            (read, last) = look(path, options, before)?;
        }
        let mut plan = Self {
            options,
            commands_from: read.commands_from.or((!has_rdb).then_some(0)),
            rdb_problem,
            whole: read.whole,
            runs: Vec::new(),
            doubtful: Vec::new(),
            gaps: Vec::new(),
            given_up: None,
            chain: read.chain,
        };
        let reason = match &read.end {
            Ok(Tail::Whole) => return Ok(plan),
            Ok(Tail::Torn(_)) => "it is torn there, as by a crash".to_owned(),
            Err(damage) => damage.to_string(),
        };
        let searched_from = if plan.commands_from.is_none() {
            read.end.as_ref().err().map_or(0, |damage| damage.offset)
        } else {
            read.whole
        };
        let last_number = last.map(|last: LastBatch| last.number).or(before.map(|chain| chain.number));
        let (found, given_up) = runs(path, options, &read, searched_from, last_number.unwrap_or(0))?;
        plan.given_up = given_up;
        let goes_to_end = match found.last() {
            Some(run) => doubtful || goes_to_end(path, options, run)?,
            None => false,
        };
        let before = if doubtful { Before::Any } else { Before::Batch(last_number, searched_from) };
        (plan.runs, plan.doubtful) = choose(found, goes_to_end, before);
        plan.gaps = gaps(&plan, &read, reason, last);
        // What follows in the next file cannot be told from what is missing.
        plan.chain = None;
        Ok(plan)
    }
}

/// Reads a file from its beginning on. Gives also the last batch that can be read.
fn look(
    path: &Path,
    options: ReadOptions,
    before: Option<Chain>,
) -> Result<(Read, Option<LastBatch>), String> {
    let (mut first, mut last) = (None, None);
    let read = read::read(path, FileReader::new(options).following(before), WHOLE, &mut |part| {
        note(&part, &mut (&mut first, &mut last));
        Ok(())
    })?;
    Ok((read, last))
}

/// Remembers the first and the last batch.
fn note(part: &Part<'_>, (first, last): &mut (&mut Option<LastBatch>, &mut Option<LastBatch>)) {
    if let Part::Mark(Mark::Batch(batch)) = part {
        let batch = LastBatch { number: batch.number, time: batch.time };
        first.get_or_insert(batch);
        **last = Some(batch);
    }
}

/// All runs behind an offset, in order, whether or not they can be trusted, and where the search was given up.
fn runs(
    path: &Path,
    options: ReadOptions,
    read: &Read,
    from: u64,
    after: u64,
) -> Result<(Vec<Run>, Option<u64>), String> {
    let length = read.length;
    let mut budget = length.saturating_mul(MAX_PASSES);
    let (mut found, mut from) = (Vec::new(), from);
    for _ in 0..MAX_TRIES {
        let Some(batch) = search(path, from, after)? else { return Ok((found, None)) };
        let is_there = batch.offset.checked_add(batch.length).is_some_and(|end| end <= length);
        let run = if is_there { run(path, options, batch.offset, length)? } else { None };
        let until = run.map_or(batch.offset + 1, |run| run.until);
        found.extend(run);
        // What was looked at in vain is looked at again.
        let again = if run.is_none() && is_there { batch.length } else { 0 };
        match budget.checked_sub(until - from + again) {
            Some(left) => budget = left,
            None => break,
        }
        from = until;
    }
    Ok((found, Some(from)))
}

/// The first line of a batch behind an offset.
fn search(path: &Path, from: u64, after: u64) -> Result<Option<Batch>, String> {
    let (file, _) = read::open(path)?;
    let mut search = Search::new(from, after);
    let mut buffer = vec![0; STEP];
    let (mut at, mut step) = (from, FIRST_STEP);
    loop {
        let count =
            file.read_at(at, &mut buffer[..step]).map_err(|error| read::unreadable(path, at, &error))?;
        step = (step * 2).min(STEP);
        at += count as u64;
        match search.look(&buffer[..count]) {
            None if count > 0 => {}
            found => return Ok(found),
        }
    }
}

/// What can be read from a batch on, up to the first doubt; none if not even the batch can.
fn run(path: &Path, options: ReadOptions, from: u64, until: u64) -> Result<Option<Run>, String> {
    let (mut first, mut last) = (None, None);
    let span = Span { from, until, stops_in_doubt: true };
    let read = read::read(path, FileReader::of_commands(options, from), span, &mut |part| {
        note(&part, &mut (&mut first, &mut last));
        Ok(())
    })?;
    let batches = first.zip(last).filter(|_| read.whole > from);
    Ok(batches.map(|(first, last)| Run { from, until: read.whole, first, last }))
}

/// Whether a run ends with the file, or there is one batch behind it that is torn, or that
/// ends with the file and is damaged.
fn goes_to_end(path: &Path, options: ReadOptions, run: &Run) -> Result<bool, String> {
    let span = Span { from: run.from, ..WHOLE };
    let read = read::read(path, FileReader::of_commands(options, run.from), span, &mut |_| Ok(()))?;
    let is_next = |batch: Batch| {
        let Batch { number, offset, length, .. } = batch;
        number == run.last.number + 1 && offset == run.until && offset + length == read.length
    };
    Ok(read.end.is_ok() || search(path, run.until, run.last.number)?.is_some_and(is_next))
}

/// What stands before all runs.
#[derive(Debug, Clone, Copy)]
enum Before {
    /// That does not matter.
    Any,
    /// The last batch, if its number is known; it ends there.
    Batch(Option<u64>, u64),
}

/// Those runs that can be trusted, and the others. See the module's text.
fn choose(found: Vec<Run>, goes_to_end: bool, before: Before) -> (Vec<Run>, Vec<Run>) {
    let (mut ordered, mut doubtful) = (Vec::new(), Vec::new());
    let mut below = if goes_to_end { Some(u64::MAX) } else { None };
    for run in found.into_iter().rev() {
        if below.is_some_and(|below| run.last.number < below) {
            below = Some(run.first.number);
            ordered.push(run);
        } else {
            doubtful.push(run);
        }
    }
    ordered.reverse();
    let count = ordered.len();
    let mut trusted: Vec<Run> = Vec::new();
    for (index, run) in ordered.into_iter().enumerate() {
        let (last, end) = match (trusted.last(), before) {
            (_, Before::Any) => (Some(0), run.from),
            (Some(run), _) => (Some(run.last.number), run.until),
            (None, Before::Batch(last, end)) => (last, end),
        };
        // The batch that cannot be read has the next number.
        let may_be_own = last.is_none_or(|last| run.first.number == last.saturating_add(1));
        if index + 1 < count && end < run.from && may_be_own {
            doubtful.push(run);
        } else {
            trusted.push(run);
        }
    }
    doubtful.sort_by_key(|run| run.from);
    (trusted, doubtful)
}

/// What lies between what can be read.
fn gaps(plan: &Plan, read: &Read, reason: String, last: Option<LastBatch>) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = Vec::new();
    let (mut from, mut after, mut reason) = (plan.whole, last, reason);
    if plan.commands_from.is_none() {
        from = read.end.as_ref().err().map_or(from, |damage| damage.offset);
    }
    for run in &plan.runs {
        gaps.push(Gap { from, until: run.from, reason, after, before: Some(run.first) });
        (from, after, reason) = (run.until, Some(run.last), "it cannot be read on there".to_owned());
    }
    if from < read.length {
        gaps.push(Gap { from, until: read.length, reason, after, before: None });
    }
    gaps
}

#[cfg(test)]
mod tests {
    use stdx::time::UnixMs;

    use super::*;

    fn run(first: u64, last: u64) -> Run {
        let batch = |number| LastBatch { number, time: UnixMs(0) };
        Run { from: 9, until: 8, first: batch(first), last: batch(last) }
    }

    fn numbers(runs: &[Run]) -> Vec<(u64, u64)> {
        runs.iter().map(|run| (run.first.number, run.last.number)).collect()
    }

    #[test]
    fn runs_are_trusted_from_the_end_of_the_file_backwards() {
        for (found, goes_to_end, trusted) in [
            (&[][..], false, &[][..]),
            (&[(5, 9)], true, &[(5, 9)]),
            // What does not go to the end may be part of the last value.
            (&[(5, 9)], false, &[]),
            (&[(5, 9), (11, 12), (20, 30)], true, &[(5, 9), (11, 12), (20, 30)]),
            // A value of batch 4 claims numbers of batches that came behind it.
            (&[(5, 7), (5, 30)], true, &[(5, 30)]),
            (&[(9999, 9999), (5, 30)], true, &[(5, 30)]),
            (&[(5, 6), (900, 901), (10, 30)], true, &[(5, 6), (10, 30)]),
        ] {
            let found = found.iter().map(|&(first, last)| run(first, last)).collect();
            assert_eq!(numbers(&choose(found, goes_to_end, Before::Batch(Some(3), 0)).0), trusted);
        }
    }
    #[test]
    fn a_run_with_the_number_of_the_batch_that_cannot_be_read_is_part_of_it() {
        let chosen = |found: &[(u64, u64)], last, doubtful| {
            let found = found.iter().map(|&(first, last)| run(first, last)).collect();
            let before = if doubtful { Before::Any } else { Before::Batch(last, 0) };
            numbers(&choose(found, true, before).0)
        };
        assert_eq!(chosen(&[(2, 2), (3, 9)], Some(1), false), [(3, 9)]);
        assert_eq!(chosen(&[(2, 2), (3, 9)], Some(1), true), [(2, 2), (3, 9)]);
        assert_eq!(chosen(&[(3, 5), (6, 6), (7, 9)], Some(1), false), [(3, 5), (7, 9)]);
        // Any number may be that of the damaged batch, or one before it.
        assert_eq!(chosen(&[(2, 2), (7, 9)], None, false), [(7, 9)]);
        // Bytes between batches were damaged.
        assert_eq!(chosen(&[(2, 9)], Some(1), false), [(2, 9)]);
    }
}
