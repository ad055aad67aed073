//! The backup that BACKUP START makes in a folder of its own: how far it is, and which of its files are there for good.
//!
//! With an append-only file, the base of a rewrite and the increments behind it get second names (hard links) in the folder: a rewrite
//! deletes the first ones and takes nothing away. Without one, base and increment are written there. In both cases nothing is
//! copied, and the files count as a backup from the moment at which the manifest beside them says so ([`Folder`]).
//!
//! Who does the steps is the persistence thread; everybody may look.

mod folder;

use engine::sealing::{Stage, Status};
use parking_lot::Mutex;
use persist::aof::ManifestEntry;

pub use folder::{Folder, Found};

/// Why a backup has failed that an earlier server did not seal.
const UNSEALED: &str = "the server has ended before the backup was sealed";

/// See the module's text.
#[derive(Debug, Default)]
pub struct Sealing(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    status: Status,
    /// Where its files are.
    folder: Option<Folder>,
    /// Those that do not change any more, but for the manifest.
    entries: Vec<ManifestEntry>,
}

impl Sealing {
    /// What is told of it.
    pub fn status(&self) -> Status {
        self.0.lock().status.clone()
    }

    /// How far it is.
    pub fn stage(&self) -> Stage {
        self.0.lock().status.stage
    }

    /// The files that do not change any more.
    pub fn entries(&self) -> Vec<ManifestEntry> {
        self.0.lock().entries.clone()
    }

    /// Where its files are, if there is one.
    pub fn folder(&self) -> Option<Folder> {
        self.0.lock().folder.clone()
    }

    /// As an earlier server has left it.
    pub fn recover(&self, folder: &Folder, found: Found) {
        let mut state = self.0.lock();
        match found {
            Found::Nothing => {}
            Found::Leftovers => {
                state.begin(folder, 0);
                (state.status.stage, state.status.error) = (Stage::Failed, UNSEALED.to_owned());
            }
            Found::Sealed { entries, started_s, ended_s } => {
                state.begin(folder, started_s);
                state.seal(folder, entries, ended_s);
            }
        }
    }

    /// One begins.
    pub fn begin(&self, folder: &Folder, now_s: i64) {
        self.0.lock().begin(folder, now_s);
    }

    /// All data is being written.
    pub fn set_snapshotting(&self) {
        self.0.lock().status.stage = Stage::Snapshotting;
    }

    /// The base is there.
    pub fn set_incrementing(&self, base: ManifestEntry) {
        let mut state = self.0.lock();
        state.status.stage = Stage::Incrementing;
        state.keep(vec![base]);
    }

    /// All files are there.
    pub fn seal(&self, folder: &Folder, entries: Vec<ManifestEntry>, now_s: i64) {
        self.0.lock().seal(folder, entries, now_s);
    }

    /// It has failed, and has no files any more.
    pub fn fail(&self, reason: &str) {
        let mut state = self.0.lock();
        state.keep(Vec::new());
        let status = &mut state.status;
        (status.stage, status.error, status.ended_s) = (Stage::Failed, reason.to_owned(), 0);
    }

    /// There is none any more.
    pub fn forget(&self) {
        *self.0.lock() = State::default();
    }
}

impl State {
    fn begin(&mut self, folder: &Folder, now_s: i64) {
        let status = Status { stage: Stage::Pending, started_s: now_s, ..Status::default() };
        *self = Self { status, folder: Some(folder.clone()), entries: Vec::new() };
    }

    fn keep(&mut self, entries: Vec<ManifestEntry>) {
        let path =
            |entry: &ManifestEntry| Some(self.folder.as_ref()?.file(&entry.name).display().to_string());
        self.status.files = entries.iter().filter_map(path).collect();
        self.entries = entries;
    }

    fn seal(&mut self, folder: &Folder, entries: Vec<ManifestEntry>, now_s: i64) {
        self.keep(entries);
        self.status.files.push(folder.manifest().display().to_string());
        (self.status.stage, self.status.ended_s) = (Stage::Sealed, now_s);
    }
}
