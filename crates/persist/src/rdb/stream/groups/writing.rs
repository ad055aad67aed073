//! Groups are written.

use value::Stream;
use value::stream::{Consumer, ConsumerNumber, Group, Id};

use super::super::{raw_id, write_length_id};
use super::{NEVER, STEP_PARTS, UNKNOWN};
use crate::rdb::output::Output;

/// What is still to be written of the groups of a stream.
#[derive(Debug)]
pub(crate) struct Writer {
    /// The name of the group at hand, or of the one that was written last; none at the beginning.
    name: Option<Box<[u8]>>,
    stage: Stage,
}

/// What comes next.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// A group behind the last one.
    Group,
    /// What is pending from an ID on.
    Pending(Id),
    /// The consumer at a position.
    Consumer(usize),
    /// What he has pending from an ID on, who stands before a position, and then perhaps what belongs to nobody.
    Owned {
        of: ConsumerNumber,
        from: Id,
        next: usize,
        then_given_back: bool,
    },
    Nothing,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self { name: None, stage: Stage::Group }
    }

    /// Writes what stands next, some parts at most; false: there is nothing left.
    pub(crate) fn step(&mut self, stream: &Stream, output: &mut Output<'_>) -> bool {
        let mut left = STEP_PARTS;
        while left > 0 {
            self.stage = match self.stage {
                Stage::Group => self.begin_group(stream, output),
                Stage::Nothing => return false,
                stage => {
                    let name = self.name.as_deref().expect("a group has been begun");
                    let group = stream.group(name).expect("the stream does not change");
                    go_on(group, stage, &mut left, output)
                }
            };
            left = left.saturating_sub(1);
        }
        true
    }

    fn begin_group(&mut self, stream: &Stream, output: &mut Output<'_>) -> Stage {
        let Some((name, group)) = stream.group_behind(self.name.as_deref()) else { return Stage::Nothing };
        output.string(name);
        write_length_id(group.last_id, output);
        output.length(group.entries_read.unwrap_or(UNKNOWN));
        output.length(group.pending.len() as u64);
        self.name = Some(name.into());
        Stage::Pending(Id::MIN)
    }
}

/// Writes up to so many parts of a group; returns what comes next.
fn go_on(group: &Group, stage: Stage, left: &mut usize, output: &mut Output<'_>) -> Stage {
    match stage {
        Stage::Pending(from) => match write_pending(group, from, left, output) {
            Some(rest) => Stage::Pending(rest),
            None => begin_consumers(group, output),
        },
        Stage::Consumer(at) => match group.consumer_at(at) {
            Some(consumer) => begin_consumer(group, consumer, at + 1, output),
            None => Stage::Group,
        },
        Stage::Owned { of, from, next, then_given_back } => {
            match (write_owned(group, of, from, left, output), then_given_back) {
                (Some(from), _) => Stage::Owned { of, from, next, then_given_back },
                (None, true) => given_back(next),
                (None, false) => Stage::Consumer(next),
            }
        }
        Stage::Group | Stage::Nothing => unreachable!("these are about no group"),
    }
}

/// Returns from where on something is left.
fn write_pending(group: &Group, from: Id, left: &mut usize, output: &mut Output<'_>) -> Option<Id> {
    for pending in group.pending.from(from) {
        if *left == 0 {
            return Some(pending.id);
        }
        output.bytes(&raw_id(pending.id));
        output.bytes(&pending.delivered_ms.to_le_bytes());
        output.length(pending.deliveries);
        *left -= 1;
    }
    None
}

/// Likewise.
fn write_owned(
    group: &Group,
    of: ConsumerNumber,
    from: Id,
    left: &mut usize,
    output: &mut Output<'_>,
) -> Option<Id> {
    for id in group.pending.ids_of(of, from) {
        if *left == 0 {
            return Some(id);
        }
        output.bytes(&raw_id(id));
        *left -= 1;
    }
    None
}

fn begin_consumers(group: &Group, output: &mut Output<'_>) -> Stage {
    let given_back_count = group.pending.len_of(ConsumerNumber::NOBODY);
    // A consumer without a name who is there gets it, for there cannot be two.
    let has_nobody = given_back_count > 0 && group.consumer(b"").is_none();
    output.length(group.consumer_count() as u64 + u64::from(has_nobody));
    if !has_nobody {
        return Stage::Consumer(0);
    }
    write_head(b"", NEVER, given_back_count, output);
    given_back(0)
}

fn begin_consumer(group: &Group, consumer: Consumer<'_>, next: usize, output: &mut Output<'_>) -> Stage {
    let Consumer { name, number: of, seen_ms, .. } = consumer;
    let then_given_back = name.is_empty();
    let more = if then_given_back { group.pending.len_of(ConsumerNumber::NOBODY) } else { 0 };
    write_head(name, seen_ms, group.pending.len_of(of) + more, output);
    Stage::Owned { of, from: Id::MIN, next, then_given_back }
}

fn given_back(next: usize) -> Stage {
    Stage::Owned { of: ConsumerNumber::NOBODY, from: Id::MIN, next, then_given_back: false }
}

fn write_head(name: &[u8], seen_ms: i64, pending: usize, output: &mut Output<'_>) {
    output.string(name);
    output.bytes(&seen_ms.to_le_bytes());
    output.length(pending as u64);
}
