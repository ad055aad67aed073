//! Groups are read.

use value::Stream;
use value::stream::{ConsumerNumber, Group, Pending};

use super::super::{read_length_id, read_raw_id};
use super::{NEVER, STEP_PARTS};
use crate::rdb::cursor::{Cursor, Fault};
use crate::rdb::error::Problem;
use crate::rdb::tag as tags;

/// What is still to be read of the groups of a stream.
#[derive(Debug)]
pub(crate) struct Reader {
    kind: u8,
    /// Groups that have not been begun.
    groups: u64,
    group: Option<Unfinished>,
}

/// A group that is read.
#[derive(Debug)]
struct Unfinished {
    name: Vec<u8>,
    group: Group,
    /// Entries that are pending and have not been read.
    pending: u64,
    /// Consumers that have not been begun; none: their number has not been read.
    consumers: Option<u64>,
    /// For whom entries are pending that have not been read, and how many.
    owner: ConsumerNumber,
    owned: u64,
    /// Entries that are said to belong to nobody.
    given_back: u64,
}

impl Reader {
    /// Begins behind all else of a stream.
    pub(crate) fn begin(kind: u8, cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        Ok(Self { kind, groups: cursor.length()?, group: None })
    }

    /// Reads some parts; false: all groups have been added.
    pub(crate) fn step(&mut self, cursor: &mut Cursor<'_>, stream: &mut Stream) -> Result<bool, Fault> {
        for _ in 0..STEP_PARTS {
            let Some(unfinished) = &mut self.group else {
                if self.groups == 0 {
                    return Ok(false);
                }
                self.groups -= 1;
                self.group = Some(Unfinished::begin(self.kind, cursor, stream)?);
                continue;
            };
            if !unfinished.step(self.kind, cursor)? {
                self.group.take().expect("it is there").finish(stream)?;
            }
        }
        Ok(true)
    }
}

impl Unfinished {
    fn begin(kind: u8, cursor: &mut Cursor<'_>, stream: &Stream) -> Result<Self, Fault> {
        let name = cursor.string()?.into_owned();
        let last_id = read_length_id(cursor)?;
        let mut group = Group::new(last_id, None);
        group.entries_read = if kind == tags::STREAM {
            stream.facts().read_up_to(last_id)
        } else {
            Some(cursor.length()?).filter(|&read| i64::try_from(read).is_ok())
        };
        let (pending, owner) = (cursor.length()?, ConsumerNumber::NOBODY);
        Ok(Self { name, group, pending, consumers: None, owner, owned: 0, given_back: 0 })
    }

    /// Reads one part; false: that was all.
    fn step(&mut self, kind: u8, cursor: &mut Cursor<'_>) -> Result<bool, Fault> {
        if self.pending > 0 {
            self.pending -= 1;
            self.read_pending(cursor)?;
        } else if self.owned > 0 {
            self.owned -= 1;
            self.read_owned(cursor)?;
        } else {
            match &mut self.consumers {
                None => self.consumers = Some(cursor.length()?),
                Some(0) => return Ok(false),
                Some(left) => {
                    *left -= 1;
                    self.read_consumer(kind, cursor)?;
                }
            }
        }
        Ok(true)
    }

    fn read_pending(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        let pending = Pending {
            id: read_raw_id(cursor)?,
            consumer: ConsumerNumber::NOBODY,
            delivered_ms: cursor.u64_le()?.cast_signed(),
            deliveries: cursor.length()?,
        };
        if self.group.pending.get(pending.id).is_some() {
            return Err(Problem::Range("an entry is pending twice in one group").into());
        }
        self.group.pending.set(pending);
        Ok(())
    }

    fn read_consumer(&mut self, kind: u8, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        let name = cursor.string()?;
        let seen_ms = cursor.u64_le()?.cast_signed();
        let active_ms = if kind == tags::STREAM_3 { cursor.u64_le()?.cast_signed() } else { seen_ms };
        let is_nobody = name.is_empty() && seen_ms == NEVER;
        self.owner = if is_nobody {
            ConsumerNumber::NOBODY
        } else {
            let added = self.group.add_consumer(&name, seen_ms, active_ms);
            added.ok_or(Problem::Range(
                "Duplicate stream consumer detected: a group has two consumers of one name",
            ))?
        };
        self.owned = cursor.length()?;
        if is_nobody {
            self.given_back = self.given_back.saturating_add(self.owned);
        }
        Ok(())
    }

    fn read_owned(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        let id = read_raw_id(cursor)?;
        let pending = self.group.pending.get(id);
        let pending = pending
            .filter(|pending| pending.consumer == ConsumerNumber::NOBODY)
            .ok_or(Problem::Range("an entry is pending for a consumer and not for the group, or for two"))?;
        self.group.pending.set(Pending { consumer: self.owner, ..pending });
        Ok(())
    }

    fn finish(self, stream: &mut Stream) -> Result<(), Problem> {
        if self.group.pending.len_of(ConsumerNumber::NOBODY) as u64 != self.given_back {
            return Err(Problem::Range("an entry is pending for no consumer"));
        }
        if !stream.add_group(&self.name, self.group) {
            return Err(Problem::Range("a stream has two groups of one name"));
        }
        Ok(())
    }
}
