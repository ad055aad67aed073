//! The sorted elements, or what is to be got for them, on their way into a list under another key.

use keyspace::Key;
use value::{List, Value, list};

use super::elements::Source;
use super::lookup::Lookup;
use super::options::Options;
use super::order::Sorting;
use crate::args::Args;
use crate::command::Outcome;
use crate::computing::{FEW_ELEMENTS, Recorded, STEP_ELEMENTS, Stored};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::slices::Progress;

/// Puts a result under a key, over whatever is there, as `put` does it, or removes that. The key is locked.
pub(super) fn store<'k>(
    ctx: &mut Context<'_, 'k>,
    target: &Key<'_>,
    result: list::Builder,
    reply: &mut Reply<'_>,
    put: impl FnOnce(&mut Context<'_, 'k>, &Key<'_>, Value),
) {
    let list: List = result.finish(ctx.shared.keyspace.settings().list);
    reply.integer(list.as_ref().len() as i64);
    if list.is_empty() {
        ctx.db().delete(target);
    } else {
        put(ctx, target, Value::List(list));
    }
}

/// A list in the making.
#[derive(Debug)]
pub(super) struct Making {
    sorting: Sorting,
    list: list::Builder,
    /// Elements that what is in it was got for.
    done: usize,
}

impl Making {
    pub(super) fn new(source: Source, options: Options) -> Self {
        Self { sorting: Sorting::new(source, options), list: list::Builder::new(), done: 0 }
    }

    /// Takes a step of sorting, or puts some elements into the list.
    pub(super) fn step(&mut self, lookup: &mut Lookup<'_, '_>) -> Progress {
        if self.sorting.step(lookup) == Progress::More {
            return Progress::More;
        }
        let count = self.sorting.len().unwrap_or(0);
        let end = count.min(self.done + STEP_ELEMENTS);
        let list = &mut self.list;
        self.sorting.show(self.done..end, lookup, &mut |text| list.push(text.unwrap_or_default()));
        self.done = end;
        if end < count { Progress::More } else { Progress::Done }
    }

    /// The list, after the last step.
    pub(super) fn take(&mut self) -> Result<list::Builder, Error> {
        self.sorting.len()?;
        Ok(std::mem::take(&mut self.list))
    }
}

/// A sorted list that depends on its source alone.
#[derive(Debug)]
pub(super) struct SortedList {
    /// As it was read.
    source: Source,
    making: Making,
    /// The argument that names the target.
    target: usize,
}

impl SortedList {
    pub(super) fn read(ctx: &mut Context<'_, '_>, args: &Args<'_>) -> Result<Self, Error> {
        let options = Options::parse(ctx, args, true)?;
        let target = options.target.expect("the caller has looked");
        let key = ctx.key(args, 1);
        let source = Source::of_key(ctx, &key)?;
        let making = Making::new(source.clone(), options);
        Ok(Self { source, making, target })
    }
}

impl Stored for SortedList {
    fn is_small(&self) -> bool {
        self.source.len() <= FEW_ELEMENTS
    }

    fn step(&mut self) -> Progress {
        self.making.step(&mut Lookup::Nowhere)
    }

    fn is_same(&self, now: &Self) -> bool {
        self.source.is_same(&now.source)
    }

    fn install(&mut self, ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
        let list = self.making.take()?;
        let target = ctx.key(args, self.target);
        store(ctx, &target, list, reply, |ctx, target, list| {
            ctx.store_result(args, target, list, Recorded::Command);
        });
        Ok(())
    }
}
