//! What saving and rewriting are doing and how they ended: the rules of who may begin when, and the figures for INFO.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use node::PersistenceFigures;
use parking_lot::Mutex;
use persist::Loaded;
use stdx::time::UnixMs;

use crate::snapshot_file::Watch;

const SECOND_NS: u64 = 1_000_000_000;

/// See the module's text.
#[derive(Debug)]
pub struct Progress {
    state: Mutex<State>,
    /// The file that is being saved in the background is of no use any more.
    pub save_given_up: AtomicBool,
    /// The same of the base of a rewrite.
    pub rewrite_given_up: AtomicBool,
    /// How much of the file that is being written is there.
    pub written: KeyProgress,
    /// Whether a rewrite before the start did not come to its end, and none has since.
    pub was_unfinished: AtomicBool,
    /// Whether the append-only set holds all data: not from switching on until the first base.
    is_whole: AtomicBool,
}

/// Keys of a file that is being written: those that are in it, and all. Zeros while none is.
#[derive(Debug, Default)]
pub struct KeyProgress {
    processed: AtomicU64,
    total: AtomicU64,
}

impl KeyProgress {
    /// So many keys of all are in the file.
    pub fn set(&self, processed: usize, total: usize) {
        self.processed.store(processed as u64, Ordering::Relaxed);
        self.total.store(total as u64, Ordering::Relaxed);
    }
}

/// How a save in the background or a rewrite has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaveEnd {
    /// The file is there, or a newer one.
    Saved,
    /// Nobody wanted it any more.
    GivenUp,
    /// It could not be written.
    Failed(String),
}

#[derive(Debug)]
struct State {
    figures: PersistenceFigures,
    /// When the save and the rewrite in progress began, on the monotonic clock.
    saving_since: Option<u64>,
    rewriting_since: Option<u64>,
    /// The number of the newest image whose file has got the final name.
    installed: u64,
}

impl Progress {
    /// Nothing has been saved since `started`.
    pub fn new() -> Self {
        let figures = PersistenceFigures {
            aof_rewrite_ok: true,
            aof_rewrite_seconds: -1,
            save_ok: true,
            save_seconds: -1,
            ..PersistenceFigures::default()
        };
        let state = State { figures, saving_since: None, rewriting_since: None, installed: 0 };
        Self {
            state: Mutex::new(state),
            save_given_up: AtomicBool::new(false),
            rewrite_given_up: AtomicBool::new(false),
            written: KeyProgress::default(),
            was_unfinished: AtomicBool::new(false),
            is_whole: AtomicBool::new(false),
        }
    }

    /// What is looked at while the base of a rewrite is written.
    pub fn of_rewrite(&self) -> Watch<'_> {
        Watch { given_up: &self.rewrite_given_up, progress: &self.written }
    }

    /// Whether the append-only set holds all data.
    pub fn is_whole(&self) -> bool {
        self.is_whole.load(Ordering::Acquire)
    }

    /// The append-only set holds all data from now on, or does not any more.
    pub fn set_whole(&self, is_whole: bool) {
        self.is_whole.store(is_whole, Ordering::Release);
    }

    /// The figures; those of the journal are not in them.
    pub fn figures(&self, now_ns: u64) -> PersistenceFigures {
        let state = self.state.lock();
        let seconds = |since: Option<u64>| since.map_or(-1, |since| seconds(since, now_ns));
        PersistenceFigures {
            saving: state.saving_since.is_some(),
            current_save_seconds: seconds(state.saving_since),
            aof_rewriting: state.rewriting_since.is_some(),
            aof_current_rewrite_seconds: seconds(state.rewriting_since),
            current_save: (
                self.written.processed.load(Ordering::Relaxed),
                self.written.total.load(Ordering::Relaxed),
            ),
            ..state.figures.clone()
        }
    }

    /// Whether a save may begin in the foreground.
    pub fn check_save(&self) -> Result<(), String> {
        match self.state.lock().saving_since {
            Some(_) => Err("Background save already in progress".to_owned()),
            None => Ok(()),
        }
    }

    /// Begins a save in the background. `Ok(false)`: it is noted for later.
    pub fn begin_save(&self, schedule: bool, now_ns: u64) -> Result<bool, String> {
        let mut state = self.state.lock();
        if state.saving_since.is_some() && !(schedule && self.save_given_up.load(Ordering::Acquire)) {
            return Err("Background save already in progress".to_owned());
        }
        if state.saving_since.is_some() || state.rewriting_since.is_some() {
            if !schedule {
                return Err("Another child process is active (AOF?): can't BGSAVE right now. \
                            Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible."
                    .to_owned());
            }
            state.figures.save_scheduled = true;
            return Ok(false);
        }
        state.figures.save_scheduled = false;
        self.save_given_up.store(false, Ordering::Release);
        state.saving_since = Some(now_ns);
        Ok(true)
    }

    /// Ends a save in the background.
    pub fn end_save(&self, end: &SaveEnd, now_ns: u64) {
        let mut state = self.state.lock();
        if let Some(since) = state.saving_since.take() {
            state.figures.save_seconds = seconds(since, now_ns);
        }
        match end {
            SaveEnd::Saved => state.figures.save_ok = true,
            SaveEnd::GivenUp => {}
            SaveEnd::Failed(_) => state.figures.save_ok = false,
        }
    }

    /// The file of an image, with so many changes, is to get its final name, which `install` gives it. Where a newer one has
    /// got it already, that stays; then `install` is not called and the result is false.
    pub fn install(
        &self,
        (number, changes): (u64, u64),
        now: UnixMs,
        install: impl FnOnce() -> Result<(), String>,
    ) -> Result<bool, String> {
        // Under the lock, so that an old image cannot take the place of a newer one.
        let mut state = self.state.lock();
        if number < state.installed {
            return Ok(false);
        }
        install()?;
        state.installed = number;
        state.figures.save_ok = true;
        state.figures.saves += 1;
        state.figures.last_save = now;
        state.figures.saved_changes = changes;
        Ok(true)
    }

    /// The file that is being saved in the background will not get its final name, unless it has it already.
    pub fn give_up_save(&self) {
        let _state = self.state.lock();
        self.save_given_up.store(true, Ordering::Release);
    }

    /// No file that is being written in the background will be used: the server ends.
    pub fn give_up_all(&self) {
        self.give_up_save();
        self.rewrite_given_up.store(true, Ordering::Release);
    }

    /// Asks for a rewrite. `Ok(false)`: it is noted for later.
    pub fn begin_rewrite(&self, now_ns: u64) -> Result<bool, String> {
        let mut state = self.state.lock();
        if state.rewriting_since.is_some() {
            return Err("Background append only file rewriting already in progress".to_owned());
        }
        state.figures.aof_rewrite_scheduled = state.saving_since.is_some();
        if state.saving_since.is_none() {
            self.rewrite_given_up.store(false, Ordering::Release);
            state.rewriting_since = Some(now_ns);
            state.figures.aof_rewrites += 1;
        }
        Ok(!state.figures.aof_rewrite_scheduled)
    }

    /// The one that was to begin now is to begin later.
    pub fn put_off_rewrite(&self) {
        let mut state = self.state.lock();
        if state.rewriting_since.take().is_some() {
            state.figures.aof_rewrites -= 1;
        }
        state.figures.aof_rewrite_scheduled = true;
    }

    /// A rewrite is to begin as soon as nothing else is in progress.
    pub fn schedule_rewrite(&self) {
        self.state.lock().figures.aof_rewrite_scheduled = true;
    }

    /// A rewrite has to follow whatever is in progress. True: it begins now.
    pub fn require_rewrite(&self, now_ns: u64) -> bool {
        let begun = self.begin_rewrite(now_ns);
        if begun.is_err() {
            self.schedule_rewrite();
        }
        begun == Ok(true)
    }

    /// The rewrite in progress, if there is one, is of no use any more, nor is one that is noted for later.
    pub fn give_up_rewrite(&self) {
        let mut state = self.state.lock();
        state.figures.aof_rewrite_scheduled = false;
        if state.rewriting_since.is_some() {
            self.rewrite_given_up.store(true, Ordering::Release);
        }
    }

    /// Ends a rewrite; the files have so many bytes then.
    pub fn end_rewrite(&self, end: &SaveEnd, size: u64, now_ns: u64) {
        let mut state = self.state.lock();
        if let Some(since) = state.rewriting_since.take() {
            state.figures.aof_rewrite_seconds = seconds(since, now_ns);
        }
        match end {
            SaveEnd::Saved => {
                state.figures.aof_rewrite_ok = true;
                state.figures.aof_rewrites_failed = 0;
                state.figures.aof_base_size = size;
            }
            SaveEnd::GivenUp => {}
            SaveEnd::Failed(_) => {
                state.figures.aof_rewrite_ok = false;
                state.figures.aof_rewrites_failed += 1;
            }
        }
    }

    /// Data has been loaded.
    pub fn set_loaded(&self, loaded: &Loaded) {
        let figures = &mut self.state.lock().figures;
        (figures.loaded_keys, figures.loaded_expired) = (loaded.keys, loaded.expired);
    }

    /// The files had so many bytes at the start.
    pub fn set_base_size(&self, size: u64) {
        self.state.lock().figures.aof_base_size = size;
    }
}

fn seconds(since_ns: u64, now_ns: u64) -> i64 {
    (now_ns.saturating_sub(since_ns) / SECOND_NS) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_image_does_not_take_the_place_of_a_newer_one() {
        let progress = Progress::new();
        let install = |number| progress.install((number, 10 * number), UnixMs(1), || Ok(()));
        assert_eq!(install(2), Ok(true));
        assert_eq!(install(1), Ok(false));
        assert_eq!(progress.figures(0).saved_changes, 20);
        let fails = progress.install((3, 30), UnixMs(1), || Err("no room".to_owned()));
        assert_eq!(fails, Err("no room".to_owned()));
        assert_eq!(install(2), Ok(true), "what could not be installed is not there");
    }

    #[test]
    fn a_save_that_is_wanted_behind_one_that_was_given_up_waits_for_its_end() {
        let progress = Progress::new();
        assert_eq!(progress.begin_save(false, 0), Ok(true));
        assert!(progress.begin_save(true, 0).is_err());
        progress.give_up_save();
        assert!(progress.begin_save(false, 0).is_err());
        assert_eq!(progress.begin_save(true, 0), Ok(false));
        progress.end_save(&SaveEnd::GivenUp, 0);
        assert!(progress.figures(0).save_scheduled && progress.figures(0).save_ok);
        assert_eq!(progress.begin_save(false, 0), Ok(true));
        assert!(!progress.save_given_up.load(Ordering::Acquire), "the new one is wanted");
    }

    #[test]
    fn a_rewrite_that_is_required_follows_one_that_was_given_up() {
        let progress = Progress::new();
        let is_given_up = || progress.rewrite_given_up.load(Ordering::Acquire);
        assert!(progress.require_rewrite(0));
        progress.give_up_rewrite();
        assert!(is_given_up());
        assert!(!progress.require_rewrite(0));
        assert!(progress.figures(0).aof_rewrite_scheduled);
        progress.end_rewrite(&SaveEnd::GivenUp, 0, 0);
        assert!(progress.figures(0).aof_rewrite_ok);
        assert_eq!(progress.begin_rewrite(0), Ok(true));
        assert!(!is_given_up() && !progress.figures(0).aof_rewrite_scheduled);
    }
}
