//! The crew: threads that load what one thread reads.
//!
//! ```text
//!   file ─► reader: checksums, places of keys, commands ─┬─► lane 0: gather, lock, decode, apply
//!                                                        └─► lane 1
//! ```
//! The reader hands work over in pieces. Undecoded keys of RDB data may go to any lane, for no key stands there twice; a piece whose first
//! key is of the shard of the one before goes to the same lane, so that two lanes do not wait for one lock where a file is sorted by
//! shards, as ours are. The lanes gather small keys ([`Gathering`]), and place what is left of them together when there are no more runs.
//! Commands go to the lane that their keys belong to (`node::Loader`), and those of all lanes wait until everybody is done. What waits for a lane is bounded: the reader waits when it is too much.
//!
//! A lane that meets an error notes it and does what else it has got; the reader stops when it sees it. Of several errors the first in
//! the file is the one that counts.

use std::collections::VecDeque;
use std::mem;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, Scope};

use keyspace::{Access, DbIndex};
use node::{Command, Loader, Node, Now, Route};
use parking_lot::{Condvar, Mutex};
use persist::aof::Damage;
use persist::rdb::{Format, Keys, ReadOptions, Run};
use persist::{KeyPlacement, Loaded, Reason};
use tracing::error;

use super::gathering::Gathering;

/// Bytes of a piece of work, about: it takes some hundred microseconds.
pub const PIECE_BYTES: usize = 128 << 10;
/// Bytes that may wait for a lane before the reader waits; one piece may wait however large it is.
const WAITING_BYTES: usize = 4 << 20;
/// The same for all lanes together.
const ALL_WAITING_BYTES: usize = 64 << 20;

/// See the module's text: the reader's side.
pub struct Crew<'s> {
    board: &'s Board,
    /// What is collected for each lane.
    collected: Vec<Commands>,
    /// The shard of the first key of the last run, and the lane that got it.
    last_run: Option<(usize, usize)>,
    /// How keys are to be placed that may be on their way.
    runs: Option<(Format, KeyPlacement)>,
    /// Commands that were handed over, in this file.
    commands: u64,
}

/// What went wrong in a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// A key cannot be read.
    Key(Damage),
    /// The command of this number in the file, counted from one, is refused, and why.
    Command(u64, Reason),
}

/// What all look at.
pub struct Board {
    state: Mutex<State>,
    gathering: Gathering,
    /// There is something to do, or nothing will come any more.
    work: Condvar,
    /// Something has been done.
    progress: Condvar,
    has_failed: AtomicBool,
}

#[derive(Default)]
struct State {
    lanes: Vec<Lane>,
    is_closed: bool,
    failure: Option<Failure>,
    /// What has come of the keys since the last look.
    loaded: Loaded,
}

impl State {
    fn bytes(&self) -> usize {
        self.lanes.iter().map(|lane| lane.bytes).sum()
    }
}

#[derive(Default)]
struct Lane {
    tasks: VecDeque<Task>,
    /// Bytes of those, and of the one that is being done.
    bytes: usize,
}

enum Task {
    Run {
        bytes: Vec<u8>,
        offset: u64,
        format: Format,
        placement: KeyPlacement,
    },
    /// Keys that have been gathered are to be placed, by all lanes together.
    Place {
        format: Format,
        placement: KeyPlacement,
    },
    Commands(Commands),
}

/// Commands of one lane.
#[derive(Default)]
struct Commands {
    /// Their bytes.
    bytes: Vec<u8>,
    /// Where in these the arguments are.
    args: Vec<Range<usize>>,
    list: Vec<Place>,
}

struct Place {
    /// Where its arguments end in the list of all.
    args_end: usize,
    database: DbIndex,
    /// Its number in the file.
    number: u64,
}

impl Task {
    /// What it takes up, about.
    fn bytes(&self) -> usize {
        match self {
            Self::Run { bytes, .. } => bytes.len(),
            Self::Place { .. } => 1, // so that it is waited for
            Self::Commands(commands) => {
                commands.bytes.len() + size_of_val(&*commands.args) + size_of_val(&*commands.list)
            }
        }
    }
}

impl Failure {
    /// Where it stands in the file: the commands follow the keys.
    fn place(&self) -> (bool, u64) {
        match self {
            Self::Key(damage) => (false, damage.offset),
            Self::Command(number, _) => (true, *number),
        }
    }
}

impl<'s> Crew<'s> {
    /// Starts the threads; they end when the crew is dropped.
    pub fn start<'n: 's>(
        scope: &'s Scope<'s, '_>,
        board: &'s Board,
        node: &'n Node,
        options: ReadOptions,
        now: Now,
    ) -> std::io::Result<Self> {
        let lanes = node.loaders;
        board.state.lock().lanes.resize_with(lanes, Lane::default);
        let crew = Self {
            board,
            collected: (0..lanes).map(|_| Commands::default()).collect(),
            last_run: None,
            runs: None,
            commands: 0,
        };
        for lane in 0..lanes {
            let body = move || {
                let work = || work(board, lane, Loader::of_lane(node, lane, now), options);
                if catch_unwind(AssertUnwindSafe(work)).is_err() {
                    error!("a thread that loads has failed; the process ends"); // the reader would wait for ever
                    std::process::abort();
                }
            };
            Builder::new().name(format!("loader-{lane}")).spawn_scoped(scope, body)?;
        }
        Ok(crew)
    }

    /// Takes undecoded keys, and what is to place them.
    pub fn take_run(
        &mut self,
        run: &Run<'_>,
        access: &Access<'_>,
        placement: KeyPlacement,
    ) -> Result<(), Reason> {
        let shard = access.shard_of(&access.keyspace().key(&run.first_key));
        let bytes = run.bytes.to_vec();
        self.runs = Some((run.format, placement.clone()));
        let task = Task::Run { bytes, offset: run.offset, format: run.format, placement };
        let lane = match self.last_run {
            Some((last, lane)) if last == shard => lane,
            _ => self.board.idlest(),
        };
        self.last_run = Some((shard, lane));
        self.board.send(lane, task);
        self.go_on()
    }

    /// Takes a command; `loader` is the reader's. An error: it has no place in a file, or something has failed.
    pub fn take_command(
        &mut self,
        loader: &mut Loader<'_>,
        buffer: &[u8],
        args: &[Range<usize>],
    ) -> Result<(), Reason> {
        self.commands += 1;
        if self.runs.is_some() {
            self.wait();
            self.go_on()?;
        }
        match loader.route(buffer, args, self.collected.len())? {
            Route::Lane(lane, database) => {
                let commands = &mut self.collected[lane];
                commands.push(buffer, args, database, self.commands);
                if commands.bytes.len() >= PIECE_BYTES {
                    let task = Task::Commands(mem::take(commands));
                    self.board.send(lane, task);
                }
            }
            Route::Beside => loader.apply(buffer, args)?,
            Route::Alone => {
                self.wait();
                loader.apply(buffer, args)?;
            }
        }
        self.go_on()
    }

    /// An error: a lane has failed, and the rest of the file is not wanted. What is wrong is told by [`Crew::end_file`].
    fn go_on(&self) -> Result<(), Reason> {
        let has_failed = self.board.has_failed.load(Ordering::Relaxed);
        if has_failed { Err("a lane has failed".into()) } else { Ok(()) }
    }

    /// Waits until everything is done.
    fn wait(&mut self) {
        for (lane, commands) in self.collected.iter_mut().enumerate() {
            if !commands.list.is_empty() {
                self.board.send(lane, Task::Commands(mem::take(commands)));
            }
        }
        self.board.wait();
        // Only now nobody gathers any more.
        if let Some((format, placement)) = self.runs.take() {
            self.board.gathering.end();
            for lane in 0..self.collected.len() {
                self.board.send(lane, Task::Place { format, placement: placement.clone() });
            }
            self.board.wait();
        }
    }

    /// A file has ended, and the next one begins: waits until everything is done. Returns what has come of its keys.
    pub fn end_file(&mut self) -> Result<Loaded, Failure> {
        self.wait();
        (self.last_run, self.commands) = (None, 0);
        let mut state = self.board.state.lock();
        self.board.has_failed.store(false, Ordering::Relaxed);
        match state.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(mem::take(&mut state.loaded)),
        }
    }
}

impl Drop for Crew<'_> {
    fn drop(&mut self) {
        self.board.state.lock().is_closed = true;
        self.board.work.notify_all();
    }
}

impl Commands {
    fn push(&mut self, buffer: &[u8], args: &[Range<usize>], database: DbIndex, number: u64) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(buffer);
        self.args.extend(args.iter().map(|range| start + range.start..start + range.end));
        self.list.push(Place { args_end: self.args.len(), database, number });
    }

    fn iter(&self) -> impl Iterator<Item = Command<'_>> {
        let mut begin = 0;
        self.list.iter().map(move |place| {
            let args = &self.args[mem::replace(&mut begin, place.args_end)..place.args_end];
            Command { args: engine::Args::new(&self.bytes, args), database: place.database }
        })
    }
}

impl Board {
    /// Nothing is to be done, and so many shards are to be filled.
    pub fn new(shards: usize) -> Self {
        Self {
            state: Mutex::default(),
            gathering: Gathering::new(shards),
            work: Condvar::new(),
            progress: Condvar::new(),
            has_failed: AtomicBool::new(false),
        }
    }

    /// The lane that has least to do.
    fn idlest(&self) -> usize {
        let state = self.state.lock();
        let lanes = state.lanes.iter().enumerate();
        lanes.min_by_key(|(_, lane)| lane.bytes).map_or(0, |(index, _)| index)
    }

    /// Gives a lane work, when it has not too much.
    fn send(&self, lane: usize, task: Task) {
        let mut state = self.state.lock();
        while state.lanes[lane].bytes >= WAITING_BYTES || state.bytes() >= ALL_WAITING_BYTES {
            self.progress.wait(&mut state);
        }
        let its = &mut state.lanes[lane];
        its.bytes += task.bytes();
        its.tasks.push_back(task);
        drop(state);
        self.work.notify_all();
    }

    /// Waits until nobody has anything to do.
    fn wait(&self) {
        let mut state = self.state.lock();
        while state.lanes.iter().any(|lane| lane.bytes > 0) {
            self.progress.wait(&mut state);
        }
    }

    /// The next work of a lane; none when nothing will come any more.
    fn next(&self, lane: usize) -> Option<Task> {
        let mut state = self.state.lock();
        loop {
            if let Some(task) = state.lanes[lane].tasks.pop_front() {
                return Some(task);
            }
            if state.is_closed {
                return None;
            }
            self.work.wait(&mut state);
        }
    }

    /// A lane has done so many bytes of work.
    fn done(&self, lane: usize, bytes: usize, loaded: Loaded, failure: Option<Failure>) {
        let mut state = self.state.lock();
        state.lanes[lane].bytes -= bytes;
        state.loaded.add(loaded);
        if let Some(failure) = failure
            && state.failure.as_ref().is_none_or(|other| failure.place() < other.place())
        {
            state.failure = Some(failure);
            self.has_failed.store(true, Ordering::Relaxed);
        }
        drop(state);
        self.progress.notify_all();
    }
}

/// The body of a lane's thread.
fn work(board: &Board, lane: usize, mut loader: Loader<'_>, options: ReadOptions) {
    while let Some(task) = board.next(lane) {
        let bytes = task.bytes();
        let (loaded, outcome) = match task {
            Task::Run { bytes, offset, format, mut placement } => {
                let keys = Keys::new(&bytes, offset, format, options);
                let gather =
                    |access: &mut _| board.gathering.take(keys, &mut placement, (format, options), access);
                let outcome = loader.batch(gather);
                (placement.loaded, outcome.map_err(|error| Failure::Key(error.into())))
            }
            Task::Place { format, mut placement } => {
                let outcome = loader.batch(|access: &mut _| {
                    board.gathering.place_rest(&mut placement, (format, options), access)
                });
                (placement.loaded, outcome.map_err(|error| Failure::Key(error.into())))
            }
            Task::Commands(commands) => {
                let outcome = loader.apply_all(commands.iter());
                let failure =
                    |(place, reason): (usize, Reason)| Failure::Command(commands.list[place].number, reason);
                (Loaded::default(), outcome.map_err(failure))
            }
        };
        board.done(lane, bytes, loaded, outcome.err());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_errors_the_first_in_the_file_counts() {
        let board = Board::new(0);
        board.state.lock().lanes.resize_with(2, Lane::default);
        let key = |offset| Failure::Key(Damage { offset, batch: None, reason: "broken".into() });
        for failure in [Failure::Command(1, "refused".into()), key(300), key(200), key(400)] {
            board.done(0, 0, Loaded::default(), Some(failure));
        }
        assert_eq!(board.state.lock().failure, Some(key(200)));
    }
}
