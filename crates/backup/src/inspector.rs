//! Looks at what passes: is it what a server would load, which batches are in it, and
//! where does what is too late begin?

use persist::Reason;
use persist::aof::{Chain, FileReader, LastBatch, Mark, Part, Tail};
use persist::rdb::{Item, ReadOptions};
use stdx::time::UnixMs;

use crate::list::Role;
use crate::moment;
use crate::reading::Until;

/// Keys are handed over in runs of about so many bytes.
const RUN_BYTES: usize = 1 << 18;

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Inspector {
    file: Option<FileReader>,
    seen: Seen,
    /// What the next batch of the increments has to follow on.
    chain: Option<Chain>,
}

/// What has been seen.
#[derive(Debug)]
struct Seen {
    role: Role,
    until: Option<Until>,
    batches: Option<(LastBatch, LastBatch)>,
    /// Until when the base may have been written.
    base_until: Option<UnixMs>,
    /// Whether something in the increments was written up to the time that is wanted.
    has_reached: bool,
    /// Where what is beyond begins.
    beyond: Option<(u64, Option<u64>)>,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            role: Role::Base,
            until: None,
            batches: None,
            base_until: None,
            has_reached: false,
            beyond: None,
        }
    }
}

impl Inspector {
    /// Nothing has been seen; what comes first follows on a place.
    pub(crate) fn new(before: Option<Chain>, until: Option<Until>) -> Self {
        Self { chain: before, seen: Seen { until, ..Seen::default() }, ..Self::default() }
    }

    /// A file begins, or goes on from an offset.
    pub(crate) fn begin(&mut self, role: Role, offset: u64) {
        self.seen.role = role;
        self.file = Some(match role {
            Role::Increment => {
                FileReader::of_commands(ReadOptions::WITHOUT_SERVER, offset).following(self.chain)
            }
            Role::Base | Role::Snapshot => FileReader::new(ReadOptions::WITHOUT_SERVER).in_runs(RUN_BYTES),
        });
    }

    /// Sees bytes. Gives where in the file that begins which is beyond what is wanted: behind it
    /// nothing is looked at any more.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<Option<u64>, String> {
        let file = self.file.as_mut().expect("a file has begun");
        let seen = &mut self.seen;
        let result = file.read(bytes, &mut |part| seen.look(&part).map_err(Reason::from));
        match (seen.beyond, result) {
            (Some((offset, _)), _) => Ok(Some(offset)),
            (None, result) => result.map(|()| None).map_err(|damage| damage.to_string()),
        }
    }

    /// The file ends here, or as much of it as is there.
    pub(crate) fn end(&mut self) -> Result<(), String> {
        let mut file = self.file.take().expect("a file has begun");
        let seen = &mut self.seen;
        let tail = file
            .end(&mut |part| seen.look(&part).map_err(Reason::from))
            .map_err(|damage| damage.to_string())?;
        if let Tail::Torn(offset) = tail {
            return Err(format!("at byte {offset}: it ends inside of a batch or a command"));
        }
        if seen.role == Role::Increment {
            self.chain = file.chain();
        }
        Ok(())
    }

    /// The link to what has been seen; zeros if there was no batch.
    pub(crate) fn chain(&self) -> Chain {
        self.chain.unwrap_or_default()
    }

    /// The first and the last batch since this was asked last.
    pub(crate) fn take_batches(&mut self) -> Option<(LastBatch, LastBatch)> {
        self.seen.batches.take()
    }

    /// When the base was whole, at the latest, if it tells.
    pub(crate) fn base_until(&self) -> Option<UnixMs> {
        self.seen.base_until
    }

    /// Whether there was a batch since then.
    pub(crate) fn has_batches(&self) -> bool {
        self.seen.batches.is_some()
    }

    /// Why what was seen does not tell what was at the moment that is wanted, if it does not.
    pub(crate) fn untold(&self, last: Option<LastBatch>) -> Option<String> {
        let seen = &self.seen;
        match seen.until? {
            Until::Time(time) => {
                let until = seen.base_until.filter(|&until| until > time && !seen.has_reached)?;
                Some(format!(
                    "the base may hold what was written up to {}: what was before that, an earlier backup may tell",
                    moment::show(until)
                ))
            }
            Until::Batch(wanted) => {
                let last = last.map(|last| last.number);
                let next = seen.beyond.and_then(|(_, number)| number);
                let is_told = last == Some(wanted) || last.is_none() && next == wanted.checked_add(1);
                (!is_told).then(|| format!("there is no batch {wanted} in these backups"))
            }
        }
    }
}

impl Seen {
    fn look(&mut self, part: &Part<'_>) -> Result<(), String> {
        match part {
            Part::Item(Item::Note { name, value }) if &**name == b"ctime" => {
                let second = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                self.base_until = second.map(moment::end_of_second);
                Ok(())
            }
            Part::Command(..) | Part::Mark(_) if self.role == Role::Snapshot => {
                Err("commands follow the data of an RDB file".to_owned())
            }
            Part::Mark(mark) if self.role == Role::Base => {
                self.base_until = self.base_until.max(mark.time());
                Ok(())
            }
            Part::Mark(mark) => self.mark(mark),
            Part::Item(_) | Part::Run(_) | Part::Command(..) => Ok(()),
        }
    }

    fn mark(&mut self, mark: &Mark<'_>) -> Result<(), String> {
        let (offset, batch) = match mark {
            Mark::Batch(batch) => (batch.offset, Some(LastBatch { number: batch.number, time: batch.time })),
            Mark::Annotation { offset, .. } => (*offset, None),
            Mark::EndOfBatch | Mark::Transaction(_) | Mark::Announcement => return Ok(()),
        };
        let is_beyond = match self.until {
            Some(Until::Time(time)) => mark.time().is_some_and(|told| told > time),
            Some(Until::Batch(number)) => batch.is_some_and(|batch| batch.number > number),
            None => false,
        };
        if is_beyond {
            self.beyond = Some((offset, batch.map(|batch| batch.number)));
            return Err("this is beyond what is wanted".to_owned());
        }
        self.has_reached |= mark.time().is_some();
        if let Some(batch) = batch {
            self.batches = Some((self.batches.map_or(batch, |(first, _)| first), batch));
        }
        Ok(())
    }
}
