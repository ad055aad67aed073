//! A large hash, set or sorted set is put into a file.
//!
//! Its pieces stand together: first its head, then all its members in any order. Meanwhile they are lent to its shard, so that workers
//! encode what they are about to change ([`LargeBench`]) and whoever writes the file encodes the rest.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keyspace::{Cut, DbIndex, MemberCut, MemberPages, Witness, WorkerId};
use parking_lot::Mutex;
use persist::rdb::{LargeMembers, MemberForm};
use persist::{Scribe, SnapshotWriter};

use super::pieces::{MAX_WAITING, buffer};

/// A value while it is put into a file.
#[derive(Debug)]
pub struct LargePart {
    members: MemberCut,
    form: MemberForm,
    bench: Arc<LargeBench>,
    scribe: Scribe,
    piece: Vec<u8>,
    /// Empty buffers for the bench.
    buffers: Vec<Vec<u8>>,
    /// Members that have been encoded here, and all.
    encoded: usize,
    total: usize,
}

impl LargePart {
    /// Its head is in the file: whatever workers make stands behind that.
    pub fn begin(
        writer: &SnapshotWriter,
        cut: &Cut,
        (database, key): (DbIndex, &[u8]),
        LargeMembers { members, form }: LargeMembers,
    ) -> Self {
        let total = members.len();
        let bench = Arc::new(LargeBench::new(writer, form));
        let witness = Arc::clone(&bench);
        let members = cut.lend_members(database, key, members, witness);
        let (scribe, piece) = (writer.scribe(), buffer());
        Self { members, form, bench, scribe, piece, buffers: Vec::new(), encoded: 0, total }
    }

    /// Goes on; false: all members have been taken. `put` puts bytes into the file and leaves none.
    pub fn step(&mut self, mut put: impl FnMut(&mut Vec<u8>) -> io::Result<()>) -> io::Result<bool> {
        let taken = self.members.take();
        if taken.is_empty() {
            return Ok(false);
        }
        self.encode(taken, &mut put)?;
        let News { full, left } = self.bench.exchange(&mut self.buffers);
        for mut piece in full {
            put(&mut piece)?;
            self.buffers.push(piece);
        }
        self.encode(left, &mut put)?;
        Ok(true)
    }

    /// What is left, when all members have been taken: workers have shown theirs by then.
    pub fn end(mut self, mut put: impl FnMut(&mut Vec<u8>) -> io::Result<()>) -> io::Result<()> {
        let (News { full, left }, by_workers) = self.bench.rest();
        self.encode(left, &mut put)?;
        put(&mut self.piece)?;
        full.into_iter().try_for_each(|mut piece| put(&mut piece))?;
        let encoded = self.encoded + by_workers;
        if encoded != self.total {
            let problem = format!("{encoded} of {} members of a large value have been encoded", self.total);
            return Err(io::Error::other(problem));
        }
        Ok(())
    }

    fn encode(
        &mut self,
        taken: Vec<MemberPages>,
        put: &mut impl FnMut(&mut Vec<u8>) -> io::Result<()>,
    ) -> io::Result<()> {
        // Each goes when it is done: until then whoever changes it copies it.
        for pages in taken {
            self.scribe.encode_members(self.form, &pages, &mut self.piece, put)?;
            self.encoded += pages.len();
        }
        Ok(())
    }
}

/// Where members of a value are encoded by those who are about to change them. They do so under the lock of its shard, one at a time,
/// and many wait for them: what takes long they leave to whoever writes the file. He seldom takes the lock of the bench, and brings
/// buffers along, since to take new ones may be to wait for whoever frees others.
#[derive(Debug)]
struct LargeBench {
    work: Mutex<LargeWork>,
    has_news: AtomicBool,
}

#[derive(Debug)]
struct LargeWork {
    scribe: Scribe,
    form: MemberForm,
    piece: Vec<u8>,
    news: News,
    empty: Vec<Vec<u8>>,
    /// Members that have been encoded.
    encoded: usize,
}

/// What workers have made, and what they have left to others.
#[derive(Debug, Default)]
struct News {
    full: Vec<Vec<u8>>,
    left: Vec<MemberPages>,
}

impl LargeBench {
    fn new(writer: &SnapshotWriter, form: MemberForm) -> Self {
        let empty = std::iter::repeat_with(buffer).take(MAX_WAITING).collect();
        let work = LargeWork {
            scribe: writer.scribe(),
            form,
            piece: buffer(),
            news: News::default(),
            empty,
            encoded: 0,
        };
        Self { work: Mutex::new(work), has_news: AtomicBool::new(false) }
    }

    /// What has been made, for empty buffers.
    fn exchange(&self, buffers: &mut Vec<Vec<u8>>) -> News {
        if !self.has_news.swap(false, Ordering::Acquire) {
            return News::default();
        }
        let mut work = self.work.lock();
        work.empty.append(buffers);
        std::mem::take(&mut work.news)
    }

    /// All that lies there, when nobody encodes any more, and how many members have been encoded there.
    fn rest(&self) -> (News, usize) {
        let mut work = self.work.lock();
        let mut news = std::mem::take(&mut work.news);
        news.full.push(std::mem::take(&mut work.piece));
        (news, work.encoded)
    }
}

impl Witness<MemberPages> for LargeBench {
    fn look(&self, _: WorkerId, pages: MemberPages) {
        let LargeWork { scribe, form, piece, news, empty, encoded } = &mut *self.work.lock();
        if !pages.is_light() {
            news.left.push(pages);
            self.has_news.store(true, Ordering::Release);
            return;
        }
        let Ok(()) = scribe.encode_members(*form, &pages, piece, &mut |piece| {
            news.full.push(std::mem::replace(piece, empty.pop().unwrap_or_else(buffer)));
            self.has_news.store(true, Ordering::Release);
            Ok::<(), Infallible>(())
        });
        *encoded += pages.len();
    }
}

#[cfg(test)]
mod tests;
