//! The sorted elements, or what is to be got for them, on their way to the client.

use std::sync::Arc;

use keyspace::{DbIndex, Keyspace, Snapshot};
use resp::Protocol;

use super::elements::Source;
use super::lookup::Lookup;
use super::options::Options;
use super::order::Sorting;
use crate::command::Outcome;
use crate::computing::{Answer, STEP_ELEMENTS};
use crate::reply::Reply;
use crate::slices::{ByPosition, ELEMENT_HEAD, Pieces, Progress};

/// Where the keys of patterns are looked up.
#[derive(Debug)]
pub(super) enum Looks {
    /// There are none to look up.
    Nowhere,
    /// In a database of a snapshot.
    Snapshot(Box<Snapshot>, DbIndex, Arc<Keyspace>),
}

impl Looks {
    fn lookup(&self) -> Lookup<'_, '_> {
        match self {
            Self::Nowhere => Lookup::Nowhere,
            Self::Snapshot(snapshot, database, keyspace) => Lookup::Snapshot(snapshot, *database, keyspace),
        }
    }
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Answering {
    /// `None` once it is written.
    sorting: Option<Sorting>,
    looks: Looks,
    protocol: Protocol,
    /// What has been got so far, as it is written, and for how many elements.
    got: Pieces,
    done: usize,
}

impl Answering {
    pub(super) fn new(source: Source, options: Options, looks: Looks, protocol: Protocol) -> Self {
        let sorting = Some(Sorting::new(source, options));
        Self { sorting, looks, protocol, got: Pieces::default(), done: 0 }
    }
}

impl Answer for Answering {
    fn step(&mut self) -> Progress {
        let Self { sorting: Some(sorting), looks, protocol, got, done } = self else {
            return Progress::Done;
        };
        if sorting.step(&mut looks.lookup()) == Progress::More {
            return Progress::More;
        }
        let count = sorting.len().unwrap_or(0);
        if sorting.options.gets.is_empty() || *done == count {
            return Progress::Done;
        }
        let end = count.min(*done + STEP_ELEMENTS);
        let mut reply = Reply::new(got.last(), *protocol);
        sorting.show(*done..end, &mut looks.lookup(), &mut |text| reply.optional(text));
        *done = end;
        Progress::More
    }

    fn write(&mut self, reply: &mut Reply<'_>) -> Outcome {
        let Some(sorting) = self.sorting.take() else { return Ok(()) };
        let count = sorting.len()?;
        reply.array(count * sorting.options.gets.len().max(1));
        if !sorting.options.gets.is_empty() {
            self.got.write(reply);
        } else if reply.leaves(count) {
            let element_bytes = sorting.element_bytes() + ELEMENT_HEAD;
            let write: fn(&mut Sorting, std::ops::Range<usize>, &mut Reply<'_>) =
                |sorting, range, reply| range.for_each(|at| reply.bulk(sorting.get(at)));
            reply.produce(ByPosition::new(sorting, 0..count, element_bytes, reply.protocol(), write));
        } else {
            (0..count).for_each(|at| reply.bulk(sorting.get(at)));
        }
        Ok(())
    }
}
