//! A large list or stream is put into a file.
//!
//! Its groups of leaves stand in their order behind its head. Meanwhile they are lent to its shard: workers encode what they are about to
//! change ([`SequenceBench`]), and that waits for its turn ([`Aside`]). Whoever writes the file encodes the rest from the front.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keyspace::{Cut, DbIndex, LeafGroup, SequenceCut, Witness, WorkerId};
use parking_lot::Mutex;
use persist::rdb::{Past, Sequence, SequenceForm};
use persist::{Scribe, SnapshotWriter};

use super::aside::{Aside, Place};
use super::pieces::{MAX_WAITING, buffer};

/// Groups with more bytes are not encoded by workers.
const LIGHT_BYTES: usize = 16 << 10;

/// So many chapters of workers that wait are too many.
const BEHIND_FROM: usize = 2;

/// A value while it is put into a file.
#[derive(Debug)]
pub struct SequencePart<'a> {
    groups: SequenceCut,
    form: SequenceForm,
    past: Past,
    bench: Arc<SequenceBench>,
    scribe: Scribe,
    piece: Vec<u8>,
    /// What workers have made before its turn.
    aside: Aside<'a>,
    /// Empty ones for the bench.
    chapters: Vec<Chapter>,
    /// Groups that are in the file or the piece, and all.
    next: usize,
    total: usize,
}

/// Encoded groups.
#[derive(Debug)]
struct Chapter {
    bytes: Vec<u8>,
    /// The number of each, and where it ends.
    ends: Vec<(usize, usize)>,
}

impl<'a> SequencePart<'a> {
    /// Its head is in the file.
    pub fn begin(
        writer: &SnapshotWriter,
        cut: &Cut,
        (database, key): (DbIndex, &[u8]),
        sequence: Sequence,
        place: Place<'a>,
    ) -> Self {
        let (groups, form, past) = sequence.into_parts();
        let total = groups.total();
        let bench = Arc::new(SequenceBench::new(writer, form.clone()));
        let witness = Arc::clone(&bench);
        let groups = cut.lend_sequence(database, key, groups, witness);
        let (scribe, piece) = (writer.scribe(), buffer());
        let aside = Aside::new(place, total);
        Self { groups, form, past, bench, scribe, piece, aside, chapters: Vec::new(), next: 0, total }
    }

    /// Goes on; false: all groups have been taken. `put` puts bytes into the file and leaves none.
    pub fn step(&mut self, mut put: impl FnMut(&mut Vec<u8>) -> io::Result<()>) -> io::Result<bool> {
        // First of all: what waits in memory is what would have been copied.
        self.collect(Wanted::Full);
        let taken = self.groups.take();
        let goes_on = !taken.is_empty();
        for group in taken {
            self.write_before(group.number(), &mut put)?;
            self.scribe.encode_group(&self.form, &group, &mut self.piece);
            self.next += 1;
            self.put_if_full(&mut put)?;
        }
        Ok(goes_on)
    }

    /// Whether workers make more than is put aside.
    pub fn is_behind(&self) -> bool {
        self.bench.waiting.load(Ordering::Relaxed) >= BEHIND_FROM
    }

    /// What is left, when all groups have been taken: workers have shown theirs by then.
    pub fn end(mut self, mut put: impl FnMut(&mut Vec<u8>) -> io::Result<()>) -> io::Result<()> {
        self.write_before(self.total, &mut put)?;
        while self.scribe.encode_past(&mut self.past, &mut self.piece) {
            self.put_if_full(&mut put)?;
        }
        put(&mut self.piece)
    }

    /// Writes the groups before one, all of which workers have taken.
    fn write_before(
        &mut self,
        number: usize,
        put: &mut impl FnMut(&mut Vec<u8>) -> io::Result<()>,
    ) -> io::Result<()> {
        while self.next < number {
            if !self.aside.has(self.next) {
                self.collect(Wanted::All);
            }
            if !self.aside.read(self.next, &mut self.piece)? {
                let problem =
                    format!("group {} of {} of a large value has not been encoded", self.next, self.total);
                return Err(io::Error::other(problem));
            }
            self.next += 1;
            self.put_if_full(put)?;
        }
        Ok(())
    }

    fn put_if_full(&mut self, put: &mut impl FnMut(&mut Vec<u8>) -> io::Result<()>) -> io::Result<()> {
        if self.piece.len() >= SnapshotWriter::PIECE_BYTES { put(&mut self.piece) } else { Ok(()) }
    }

    /// Puts aside what workers have made, and what they have left.
    fn collect(&mut self, wanted: Wanted) {
        let News { full, left } = self.bench.exchange(&mut self.chapters, wanted);
        for mut chapter in full {
            self.aside.keep(&chapter.ends, &chapter.bytes);
            chapter.clear();
            self.chapters.push(chapter);
        }
        for group in left {
            let mut bytes = Vec::new();
            self.scribe.encode_group(&self.form, &group, &mut bytes);
            self.aside.keep(&[(group.number(), bytes.len())], &bytes);
        }
    }
}

/// Where groups of a value are encoded by those who are about to change them. They do so under the lock of its shard, one at a time, and many
/// wait for them: what takes long they leave to whoever writes the file.
#[derive(Debug)]
struct SequenceBench {
    work: Mutex<Work>,
    /// Chapters that are full, and groups that are left to others.
    waiting: AtomicUsize,
}

#[derive(Debug)]
struct Work {
    scribe: Scribe,
    form: SequenceForm,
    chapter: Chapter,
    news: News,
    empty: Vec<Chapter>,
}

/// What workers have made, and what they have left to others.
#[derive(Debug, Default)]
struct News {
    full: Vec<Chapter>,
    left: Vec<LeafGroup>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// What is ready.
    Full,
    /// The chapter at hand as well.
    All,
}

impl SequenceBench {
    fn new(writer: &SnapshotWriter, form: SequenceForm) -> Self {
        let empty = std::iter::repeat_with(Chapter::new).take(MAX_WAITING).collect();
        let (scribe, chapter, news) = (writer.scribe(), Chapter::new(), News::default());
        let work = Work { scribe, form, chapter, news, empty };
        Self { work: Mutex::new(work), waiting: AtomicUsize::new(0) }
    }

    /// What has been made, for empty chapters.
    fn exchange(&self, chapters: &mut Vec<Chapter>, wanted: Wanted) -> News {
        if wanted == Wanted::Full && self.waiting.load(Ordering::Acquire) == 0 {
            return News::default();
        }
        let mut work = self.work.lock();
        work.empty.append(chapters);
        if wanted == Wanted::All {
            work.end_chapter();
        }
        self.waiting.store(0, Ordering::Relaxed);
        std::mem::take(&mut work.news)
    }
}

impl Work {
    fn end_chapter(&mut self) {
        let next = self.empty.pop().unwrap_or_else(Chapter::new);
        self.news.full.push(std::mem::replace(&mut self.chapter, next));
    }
}

impl Chapter {
    fn new() -> Self {
        Self { bytes: buffer(), ends: Vec::new() }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

impl Witness<LeafGroup> for SequenceBench {
    fn look(&self, _: WorkerId, group: LeafGroup) {
        let mut work = self.work.lock();
        if group.data_bytes() > LIGHT_BYTES {
            work.news.left.push(group);
            self.waiting.fetch_add(1, Ordering::Release);
            return;
        }
        let Work { scribe, form, chapter, .. } = &mut *work;
        scribe.encode_group(form, &group, &mut chapter.bytes);
        chapter.ends.push((group.number(), chapter.bytes.len()));
        if chapter.bytes.len() >= SnapshotWriter::PIECE_BYTES {
            work.end_chapter();
            self.waiting.fetch_add(1, Ordering::Release);
        }
    }
}

#[cfg(test)]
impl SequencePart<'_> {
    /// Bytes in memory of what has been encoded before its turn.
    pub(super) fn waiting_bytes(&self) -> usize {
        let work = self.bench.work.lock();
        let full: usize = work.news.full.iter().map(|chapter| chapter.bytes.len()).sum();
        let left: usize = work.news.left.iter().map(LeafGroup::data_bytes).sum();
        full + left + work.chapter.bytes.len() + self.aside.bytes_in_memory()
    }
}
