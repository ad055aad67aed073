//! What saving and rewriting are doing and how they ended: the rules of who may begin when, and the figures for INFO.

use std::sync::atomic::{AtomicBool, Ordering};

use node::PersistenceFigures;
use parking_lot::Mutex;
use stdx::time::UnixMs;

const SECOND_NS: u64 = 1_000_000_000;

/// See the module's text.
#[derive(Debug)]
pub struct Progress {
    state: Mutex<State>,
    /// Files that are being written are of no use any more.
    pub cancelled: AtomicBool,
}

#[derive(Debug)]
struct State {
    figures: PersistenceFigures,
    /// When the save and the rewrite in progress began, on the monotonic clock.
    saving_since: Option<u64>,
    rewriting_since: Option<u64>,
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
        let state = State { figures, saving_since: None, rewriting_since: None };
        Self { state: Mutex::new(state), cancelled: AtomicBool::new(false) }
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
            ..state.figures.clone()
        }
    }

    /// Whether a save may begin at once, in the foreground.
    pub fn check_idle(&self) -> Result<(), String> {
        match self.state.lock().saving_since {
            Some(_) => Err("Background save already in progress".to_owned()),
            None => Ok(()),
        }
    }

    /// Begins a save in the background. `Ok(false)`: it is noted for later.
    pub fn begin_save(&self, schedule: bool, now_ns: u64) -> Result<bool, String> {
        let mut state = self.state.lock();
        if state.saving_since.is_some() {
            return Err("Background save already in progress".to_owned());
        }
        if state.rewriting_since.is_some() {
            if !schedule {
                return Err("Another child process is active (AOF?): can't BGSAVE right now. \
                            Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible."
                    .to_owned());
            }
            state.figures.save_scheduled = true;
            return Ok(false);
        }
        state.figures.save_scheduled = false;
        state.saving_since = Some(now_ns);
        Ok(true)
    }

    /// Ends a save in the background.
    pub fn end_save(&self, is_ok: bool, now_ns: u64) {
        let mut state = self.state.lock();
        if let Some(since) = state.saving_since.take() {
            state.figures.save_seconds = seconds(since, now_ns);
        }
        state.figures.save_ok = is_ok;
    }

    /// A snapshot with so many changes is to get its final name, which `install` gives it, unless it has been cancelled.
    pub fn install(
        &self,
        changes: u64,
        now: UnixMs,
        install: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), String> {
        // Under the lock, so that an old snapshot cannot take the place of a newer one.
        let mut state = self.state.lock();
        install()?;
        state.figures.save_ok = true;
        state.figures.saves += 1;
        state.figures.last_save = now;
        state.figures.saved_changes = changes;
        Ok(())
    }

    /// As [`Progress::install`], for a snapshot that was written in the background.
    pub fn install_unless_cancelled(
        &self,
        changes: u64,
        now: UnixMs,
        install: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), String> {
        self.install(changes, now, || {
            if self.cancelled.load(Ordering::Acquire) {
                return Err("newer data has been saved".to_owned());
            }
            install()
        })
    }

    /// No file that is being written in the background will be used.
    pub fn cancel(&self) {
        let _state = self.state.lock();
        self.cancelled.store(true, Ordering::Release);
    }

    /// The server goes on after all.
    pub fn resume(&self) {
        self.cancelled.store(false, Ordering::Release);
    }

    /// Asks for a rewrite. `Ok(false)`: it is noted for later.
    pub fn begin_rewrite(&self, now_ns: u64) -> Result<bool, String> {
        let mut state = self.state.lock();
        if state.rewriting_since.is_some() {
            return Err("Background append only file rewriting already in progress".to_owned());
        }
        state.figures.aof_rewrite_scheduled = state.saving_since.is_some();
        if state.saving_since.is_none() {
            state.rewriting_since = Some(now_ns);
        }
        Ok(!state.figures.aof_rewrite_scheduled)
    }

    /// Ends a rewrite; the files have so many bytes then.
    pub fn end_rewrite(&self, is_ok: bool, size: u64, now_ns: u64) {
        let mut state = self.state.lock();
        if let Some(since) = state.rewriting_since.take() {
            state.figures.aof_rewrite_seconds = seconds(since, now_ns);
        }
        state.figures.aof_rewrite_ok = is_ok;
        if is_ok {
            state.figures.aof_base_size = size;
        }
    }

    /// The files had so many bytes at the start.
    pub fn set_base_size(&self, size: u64) {
        self.state.lock().figures.aof_base_size = size;
    }
}

fn seconds(since_ns: u64, now_ns: u64) -> i64 {
    (now_ns.saturating_sub(since_ns) / SECOND_NS) as i64
}
