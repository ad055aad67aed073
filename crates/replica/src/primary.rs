//! A primary: who follows, and what each of them gets.
//!
//! ```text
//!   ask ─► waiting ─cut─► catching up ─written─► following        the stream since the cut is gathered until the snapshot is there
//!    └─ the backlog holds the place ─────────────► following
//! ```
//! One snapshot is in the making at a time. Those who ask meanwhile wait for the next one, which serves all that wait for the same
//! data. What is gathered for those who catch up is one text for all of them, and the caller decides how long it may grow.

use std::sync::Arc;

use keyspace::log::Run;
use resp::write_command;

use crate::backlog::{Backlog, Window};
use crate::encoder::Encoder;

/// What is gathered is set aside in pieces of about this many bytes.
const PIECE_BYTES: usize = 64 << 10;

/// How somebody asks to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<C> {
    /// Who it is.
    pub follower: u64,
    /// Whether it wants to be told where the stream begins (PSYNC).
    pub wants_place: bool,
    /// Where it wants to go on, and in which history.
    pub from: Option<(Vec<u8>, u64)>,
    /// Whether it knows that a history can get another name.
    pub knows_names: bool,
    /// Whether it wants the snapshot alone.
    pub snapshot_only: bool,
    /// Which data it wants.
    pub content: C,
}

/// A snapshot that begins: the data as it is now, which is what the stream so far has led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start<C> {
    /// Which data.
    pub content: C,
    /// What those who get it are told.
    pub notes: Vec<Note>,
}

/// Something for a follower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Who gets it.
    pub to: u64,
    /// What.
    pub what: What,
}

/// See [`Note`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Bytes, and nothing of the stream among them.
    Line(Vec<u8>),
    /// The snapshot that has been written.
    Snapshot {
        /// Whether the follower wants nothing else, and is to be closed behind it.
        is_last: bool,
    },
    /// Bytes of the stream, which others may be given as well.
    Stream(Arc<[u8]>),
    /// Nothing: it cannot follow, and is to be closed.
    Refused,
}

/// See the module's text. `C` says which data a snapshot has.
#[derive(Debug)]
pub struct Primary<C> {
    /// The name of the history.
    name: String,
    /// Bytes of it so far.
    offset: u64,
    encoder: Encoder,
    /// Followers can go on in it; as long as it is there, the log has to be told.
    backlog: Option<Backlog>,
    backlog_bytes: usize,
    followers: Vec<Follower<C>>,
    /// The stream since the cut of the snapshot that is being written.
    gathered: Option<Gathered>,
}

#[derive(Debug)]
struct Follower<C> {
    id: u64,
    phase: Phase<C>,
}

#[derive(Debug)]
enum Phase<C> {
    Waiting(Asked<C>),
    CatchingUp { snapshot_only: bool },
    Following,
}

/// Bytes for later.
#[derive(Debug, Default)]
struct Gathered {
    pieces: Vec<Arc<[u8]>>,
    tail: Vec<u8>,
    bytes: usize,
}

impl<C: Copy + PartialEq> Primary<C> {
    /// Nobody follows. A backlog will have so many bytes.
    pub fn new(name: String, backlog_bytes: usize) -> Self {
        Self {
            name,
            offset: 0,
            encoder: Encoder::default(),
            backlog: None,
            backlog_bytes,
            followers: Vec::new(),
            gathered: None,
        }
    }

    /// The name of the history.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes of the stream so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether it has to be told what the log holds.
    pub fn is_fed(&self) -> bool {
        self.backlog.is_some()
    }

    /// Whether nobody follows or wants to.
    pub fn is_alone(&self) -> bool {
        self.followers.is_empty()
    }

    /// What the backlog holds, and how many bytes it has room for.
    pub fn backlog(&self) -> Option<(Window, usize)> {
        self.backlog.as_ref().map(|backlog| (backlog.window(), backlog.size()))
    }

    /// The backlog has another size from now on. What it holds is kept, as far as there is room.
    pub fn resize_backlog(&mut self, bytes: usize) {
        self.backlog_bytes = bytes;
        if let Some(backlog) = &mut self.backlog {
            backlog.resize(bytes);
        }
    }

    /// Somebody asks to follow: it goes on where it was, if the backlog holds that, or waits for a snapshot.
    pub fn ask(&mut self, asked: Asked<C>) -> Option<Note> {
        let id = asked.follower;
        self.leave(id);
        let rest = self.held_from(&asked);
        let phase = if rest.is_some() { Phase::Following } else { Phase::Waiting(asked) };
        self.followers.push(Follower { id, phase });
        rest.map(|line| Note { to: id, what: What::Line(line) })
    }

    /// The consent that somebody goes on where it wants to, and what it has missed.
    fn held_from(&self, asked: &Asked<C>) -> Option<Vec<u8>> {
        let (name, place) = asked.from.as_ref()?;
        let backlog = self.backlog.as_ref().filter(|_| name.eq_ignore_ascii_case(self.name.as_bytes()))?;
        let missed = backlog.from(*place)?;
        let mut line = b"+CONTINUE".to_vec();
        if asked.knows_names {
            line.extend_from_slice(format!(" {}", self.name).as_bytes());
        }
        line.extend_from_slice(b"\r\n");
        line.extend_from_slice(&missed);
        Some(line)
    }

    /// Somebody has gone.
    pub fn leave(&mut self, id: u64) {
        self.followers.retain(|follower| follower.id != id);
        if !self.has_catching_up()
            && let Some(gathered) = &mut self.gathered
        {
            *gathered = Gathered::default();
        }
    }

    /// Whether a snapshot is to begin.
    pub fn wants_snapshot(&self) -> bool {
        self.gathered.is_none()
            && self.followers.iter().any(|follower| matches!(follower.phase, Phase::Waiting(_)))
    }

    /// Whether anybody waits for the snapshot in the making.
    pub fn has_catching_up(&self) -> bool {
        self.followers.iter().any(|follower| matches!(follower.phase, Phase::CatchingUp { .. }))
    }

    /// Bytes that wait for it as well.
    pub fn gathered_bytes(&self) -> usize {
        self.gathered.as_ref().map_or(0, |gathered| gathered.bytes)
    }

    /// The snapshot is taken: everything that it holds has been pushed. `None`: nobody wants it any more.
    pub fn cut(&mut self) -> Option<Start<C>> {
        let content = self.followers.iter().find_map(|follower| match &follower.phase {
            Phase::Waiting(asked) => Some(asked.content),
            _ => None,
        })?;
        self.encoder.forget_selected();
        let (offset, bytes) = (self.offset, self.backlog_bytes);
        self.backlog.get_or_insert_with(|| Backlog::new(bytes, offset));
        self.gathered = Some(Gathered::default());
        let mut notes = Vec::new();
        for follower in &mut self.followers {
            let Phase::Waiting(asked) = &follower.phase else { continue };
            if asked.content != content {
                continue;
            }
            if asked.wants_place {
                let line = format!("+FULLRESYNC {} {offset}\r\n", self.name).into_bytes();
                notes.push(Note { to: follower.id, what: What::Line(line) });
            }
            follower.phase = Phase::CatchingUp { snapshot_only: asked.snapshot_only };
        }
        Some(Start { content, notes })
    }

    /// The snapshot has been written, or could not be.
    pub fn written(&mut self, is_there: bool) -> Vec<Note> {
        let pieces = self.gathered.take().unwrap_or_default().take();
        let mut notes = Vec::new();
        for follower in &mut self.followers {
            let Phase::CatchingUp { snapshot_only } = follower.phase else { continue };
            let to = follower.id;
            if !is_there {
                notes.push(Note { to, what: What::Refused });
                continue;
            }
            notes.push(Note { to, what: What::Snapshot { is_last: snapshot_only } });
            if !snapshot_only {
                notes.extend(pieces.iter().map(|piece| Note { to, what: What::Stream(Arc::clone(piece)) }));
            }
            follower.phase = Phase::Following;
        }
        let is_over = |follower: &Follower<C>| {
            notes.iter().any(|note| {
                note.to == follower.id
                    && matches!(note.what, What::Refused | What::Snapshot { is_last: true })
            })
        };
        self.followers.retain(|follower| !is_over(follower));
        notes
    }

    /// Too much has gathered for those who wait for the snapshot in the making.
    pub fn refuse_catching_up(&mut self) -> Vec<Note> {
        let catching = |follower: &Follower<C>| matches!(follower.phase, Phase::CatchingUp { .. });
        let notes = self.followers.iter().filter(|follower| catching(follower));
        let notes = notes.map(|follower| Note { to: follower.id, what: What::Refused }).collect();
        self.followers.retain(|follower| !catching(follower));
        if let Some(gathered) = &mut self.gathered {
            *gathered = Gathered::default();
        }
        notes
    }

    /// A line end for those who wait, so that they know that somebody is at work: they pass over it.
    pub fn keep_waiting(&self) -> Vec<Note> {
        let waits = |follower: &&Follower<C>| !matches!(follower.phase, Phase::Following);
        let line = |follower: &Follower<C>| Note { to: follower.id, what: What::Line(b"\n".to_vec()) };
        self.followers.iter().filter(waits).map(line).collect()
    }

    /// Effects that the log holds, in their order.
    pub fn push(&mut self, run: &Run) -> Vec<Note> {
        if self.backlog.is_none() {
            return Vec::new();
        }
        let mut bytes = Vec::with_capacity(run.bytes.len());
        self.encoder.push_all(run, &mut bytes);
        self.send(bytes)
    }

    /// A command of the primary's own, which changes no data.
    pub fn say(&mut self, words: &[&[u8]]) -> Vec<Note> {
        if self.backlog.is_none() || self.followers.is_empty() {
            return Vec::new();
        }
        let mut bytes = Vec::new();
        write_command(&mut bytes, words);
        self.send(bytes)
    }

    fn send(&mut self, bytes: Vec<u8>) -> Vec<Note> {
        self.offset += bytes.len() as u64;
        if let Some(backlog) = &mut self.backlog {
            backlog.push(&bytes);
        }
        if self.has_catching_up()
            && let Some(gathered) = &mut self.gathered
        {
            gathered.push(&bytes);
        }
        let bytes: Arc<[u8]> = bytes.into();
        let follows = |follower: &&Follower<C>| matches!(follower.phase, Phase::Following);
        let note = |follower: &Follower<C>| Note { to: follower.id, what: What::Stream(Arc::clone(&bytes)) };
        self.followers.iter().filter(follows).map(note).collect()
    }

    /// Nobody has followed for long: the log need not be told any more, and so the history ends. The next one has another name.
    pub fn rest(&mut self, name: String) {
        debug_assert!(self.is_alone(), "whoever follows needs the stream");
        self.backlog = None;
        self.name = name;
    }
}

impl Gathered {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.tail.extend_from_slice(bytes);
        if self.tail.len() >= PIECE_BYTES {
            self.seal();
        }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push(std::mem::take(&mut self.tail).into());
        }
    }

    fn take(mut self) -> Vec<Arc<[u8]>> {
        self.seal();
        self.pieces
    }
}

#[cfg(test)]
mod tests;
