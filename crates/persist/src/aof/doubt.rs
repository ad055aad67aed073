//! Something in a file cannot be read: did a power cut tear it, or was it damaged later?
//!
//! Only what was not on disk yet can be torn, and of that a power cut leaves whole sectors of zeros where the content
//! had not arrived; the sectors behind them may be there. So what cannot be read is torn if zeros reach up to the end
//! of the file, or if it has a sector of nothing but zeros and no batch behind it says that this part of the file was
//! on disk, or is so much later that it must have been. All else is damage: bytes have changed that somebody may have
//! been told were safe, and they must not be dropped silently.
//!
//! A file of Redis gets the announcement of batches behind its end, and nothing else before that is on disk: what looks
//! like the rest of one, up to the very end of a file, was torn.
//!
//! Values are what clients want them to be, and so they may look like lines of batches. Therefore lines are
//! looked for only where no batch is known to be: not in the one in doubt if its length is known, and not in
//! those behind it. If the line of the batch in doubt is lost, too, what looks like a line may be part of a
//! value; then it has to fit its place at least.

use stdx::time::UnixMs;

use super::batch::{ANNOUNCEMENT, Head, MAX_HEAD_BYTES, is_left_of_announcement};
use super::reader::{Damage, LastBatch};

/// What a disk writes as a whole, at least.
const SECTOR_BYTES: u64 = 512;
/// Systems write by themselves what is half a minute old; this leaves them as much again.
const WRITTEN_AFTER_MS: i64 = 60_000;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Doubt {
    /// What to say if it is damage.
    damage: Damage,
    /// Where it begins.
    from: u64,
    /// Where it ends at the latest.
    until: u64,
    /// Lines before this place are parts of values.
    lines_from: u64,
    /// What is behind what is in doubt has a higher number.
    number: u64,
    /// Whether the file has batches, so that it is known what was on disk.
    has_batches: bool,
    /// The place of the next byte.
    at: u64,
    only_zeros: bool,
    /// The first bytes, one more than an announcement has.
    start: Vec<u8>,
    /// Of the sector at hand, as far as it lies behind `from`.
    sector_is_zero: bool,
    has_hole: bool,
    /// When it was written, at the latest.
    time: Option<UnixMs>,
    /// Whether a batch behind it says that it was on disk.
    was_synced: bool,
    /// The last batch whose line was seen.
    last: Option<LastBatch>,
    /// The beginning of the line at hand.
    line: Vec<u8>,
}

impl Doubt {
    /// The bytes from where the damage is told cannot be read, and will be shown. `batch` is what its line tells of the
    /// batch in doubt, and where it ends, if the line is sound; `before` is the number of the batch before it, if there
    /// was one, or 0 if batches were announced.
    pub(super) fn new(damage: Damage, batch: Option<(Head, u64)>, before: Option<u64>) -> Self {
        let (head, until) = batch.unzip();
        let number = head.map(|head| head.number).or(before);
        let from = damage.offset;
        Self {
            damage,
            from,
            until: until.unwrap_or(u64::MAX),
            lines_from: until.unwrap_or(from),
            number: number.unwrap_or(0),
            has_batches: number.is_some(),
            at: from,
            only_zeros: true,
            start: Vec::new(),
            sector_is_zero: true,
            has_hole: false,
            time: head.map(|head| head.time),
            was_synced: false,
            last: head.as_ref().map(LastBatch::of),
            line: Vec::new(),
        }
    }

    /// Sees what follows.
    pub(super) fn look(&mut self, bytes: &[u8]) {
        let missing = (ANNOUNCEMENT.len() + 1).saturating_sub(self.start.len());
        self.start.extend(bytes.iter().take(missing));
        for &byte in bytes {
            self.look_for_hole(byte);
            self.look_for_batch(byte);
            self.at += 1;
        }
    }

    /// The file has ended. Nothing: it was torn.
    pub(super) fn end(&self) -> Result<(), Damage> {
        let ends_in_hole = self.sector_is_zero && self.at > self.from && self.sector_start() < self.until;
        // A file of Redis may have the line of a batch in a value, but does not end with that batch.
        let has_batches = self.has_batches || self.lines_from == self.at && self.at > self.from;
        let was_torn = has_batches && (self.has_hole || ends_in_hole) && !self.was_synced;
        if self.only_zeros || was_torn || is_left_of_announcement(&self.start) {
            Ok(())
        } else {
            Err(self.damage.clone())
        }
    }

    /// The last batch whose line was seen.
    pub(super) fn last(&self) -> Option<LastBatch> {
        self.last
    }

    fn look_for_hole(&mut self, byte: u8) {
        if self.at.is_multiple_of(SECTOR_BYTES) {
            self.has_hole |= self.sector_is_zero && self.at > self.from && self.sector_start() < self.until;
            self.sector_is_zero = true;
        }
        self.only_zeros &= byte == 0;
        self.sector_is_zero &= byte == 0;
    }

    /// Where the sector of the last byte that was seen begins.
    fn sector_start(&self) -> u64 {
        let last = self.at.saturating_sub(1);
        (last - last % SECTOR_BYTES).max(self.from)
    }

    /// The line of a batch may begin behind any line end and behind any hole, but not inside of a batch.
    fn look_for_batch(&mut self, byte: u8) {
        if byte == 0 || self.at < self.lines_from {
            self.line.clear();
            return;
        }
        if self.line.len() < MAX_HEAD_BYTES {
            self.line.push(byte);
        }
        if byte != b'\n' {
            return;
        }
        if let Some(Ok((head, _))) = Head::parse(&self.line) {
            self.pass(head);
        }
        self.line.clear();
    }

    /// A line has ended that announces a batch.
    fn pass(&mut self, head: Head) {
        let end = self.at + 1;
        let start = end - self.line.len() as u64;
        // No more can have been synced than there was.
        if head.number > self.number && head.synced <= start {
            // What is in doubt was written before the first batch behind it.
            let time = *self.time.get_or_insert(head.time);
            let is_much_later = head.time.0.saturating_sub(time.0) >= WRITTEN_AFTER_MS;
            self.was_synced |= head.synced > self.from || is_much_later;
            self.last = Some(LastBatch::of(&head));
            self.until = self.until.min(start);
            self.lines_from = end.saturating_add(head.length);
        }
    }
}
