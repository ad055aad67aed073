//! A machine that has nothing and only remembers what it was told.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use config::{Appended, Config, LogLevel, Param};
use engine::Shared;
use engine::errand::Errand;
use engine::migration::Migration;
use engine::sealing::Status;
use engine::tracking::Place;
use keyspace::{Access, LogPosition};
use node::{AllocatorValue, Dead, Image, Machine, Mail, MemoryFigures, PersistenceFigures, Refusal};
use parking_lot::Mutex;

/// A machine without threads, files and sockets.
#[derive(Default)]
pub(crate) struct FakeMachine {
    /// How often somebody has looked at the clock of the wall, which is a microsecond later each time.
    pub(crate) looks_at_the_wall: AtomicU64,
    /// The letters to each worker.
    pub(crate) boxes: Mutex<Vec<Vec<Mail>>>,
    pub(crate) warnings: Mutex<Vec<String>>,
    pub(crate) acl_file: Mutex<Option<Vec<u8>>>,
    /// The log does not get to its promised place.
    pub(crate) log_waits: AtomicBool,
    /// How often somebody wanted it to.
    pub(crate) log_wishes: AtomicUsize,
    /// What is to be done with files.
    pub(crate) errands: Mutex<Vec<(Errand, Place, u64)>>,
    /// How long appends are to wait.
    pub(crate) append_delay_us: AtomicU64,
    /// The backup that is told of.
    pub(crate) backup: Mutex<Status>,
    /// What is to be brought to other servers.
    pub(crate) migrations: Mutex<Vec<(Migration, Place, u64)>>,
    /// How far the append-only file has been synced.
    pub(crate) synced: Mutex<Option<u64>>,
    /// What nobody has dropped yet.
    pub(crate) dead: Mutex<Vec<Dead>>,
    /// The data whose memory is counted, if a test wants that: all of it as the first worker's.
    pub(crate) data: OnceLock<Arc<Shared>>,
    /// Bytes that the allocator has beside what is used.
    pub(crate) waste: AtomicUsize,
    /// Bytes that a worker holds only while it is at work.
    pub(crate) held_at_work: AtomicUsize,
}

impl FakeMachine {
    fn data_bytes(&self) -> usize {
        self.data.get().map_or(0, |shared| shared.keyspace.directory_bytes())
    }
}

impl Machine for FakeMachine {
    fn post(&self, worker: usize, mail: Mail) {
        self.boxes.lock()[worker].push(mail);
    }
    fn write_log(&self, _: &Shared, _: usize, _: LogPosition) -> bool {
        self.log_wishes.fetch_add(1, Ordering::Relaxed);
        !self.log_waits.load(Ordering::Relaxed)
    }
    fn released(&self) -> LogPosition {
        LogPosition(if self.log_waits.load(Ordering::Relaxed) { 0 } else { u64::MAX })
    }
    fn delay_appends(&self, us: u64) {
        self.append_delay_us.store(us, Ordering::Relaxed);
    }
    fn run_errand(&self, errand: Errand, to: Place, waiter: u64) {
        self.errands.lock().push((errand, to, waiter));
    }
    fn backup(&self) -> Status {
        self.backup.lock().clone()
    }
    fn migrate(&self, migration: Migration, to: Place, waiter: u64) {
        self.migrations.lock().push((migration, to, waiter));
    }
    fn synced(&self) -> Option<LogPosition> {
        self.synced.lock().map(LogPosition)
    }
    fn await_sync(&self, _: usize) {}
    fn attach_replica(&self, _: &Arc<engine::replication::Replica>, _: Option<(Vec<u8>, u64)>) {}
    fn detach_replica(&self, _: u64) {}
    fn ask_replicas(&self, _: LogPosition) {}
    fn free(&self, dead: Dead) {
        self.dead.lock().push(dead);
    }
    fn thread_bytes(&self) -> i64 {
        self.data_bytes() as i64
    }
    fn rewrite_aof(&self) -> Result<bool, String> {
        Ok(true)
    }
    fn check_save(&self) -> Result<(), String> {
        Ok(())
    }
    fn save(&self, _: &Shared, _: Image) -> Result<(), String> {
        Ok(())
    }
    fn reserve_save(&self, _: bool) -> Result<bool, String> {
        Ok(true)
    }
    fn save_in_background(&self, _: &Shared, _: Image) {}
    fn give_up_save(&self) {}
    fn load_rdb(&self, _: &Shared, _: &mut Access<'_>, _: bool) -> Result<(), String> {
        Ok(())
    }
    fn lacks_first_base(&self) -> bool {
        false
    }
    fn end(&self) {}
    fn log(&self, _: LogLevel, text: &str) {
        self.warnings.lock().push(text.to_owned());
    }
    fn unix_us(&self) -> u64 {
        1_700_000_000_123_456 + self.looks_at_the_wall.fetch_add(1, Ordering::Relaxed)
    }
    fn memory(&self) -> MemoryFigures {
        MemoryFigures {
            allocated: 4_000_000 + self.data_bytes() + self.held_at_work.load(Ordering::Relaxed),
            active: 5_000_000 + self.waste.load(Ordering::Relaxed),
            resident: 6_000_000,
            rss: 7_000_000,
            ..MemoryFigures::default()
        }
    }
    fn is_sparse(&self, _: *const u8) -> bool {
        true
    }
    fn purge_memory(&self) {}
    fn allocator_report(&self) -> String {
        "figures".to_owned()
    }
    fn allocator_value(&self, name: &[u8]) -> Option<AllocatorValue> {
        match name {
            b"arenas.page" => Some(AllocatorValue::Number(4096)),
            b"version" => Some(AllocatorValue::Text("5".to_owned())),
            _ => None,
        }
    }
    fn persistence(&self) -> PersistenceFigures {
        PersistenceFigures::default()
    }
    fn processor_us(&self) -> (u64, u64) {
        (2_000_000, 3_000_000)
    }
    fn workers_us(&self) -> (u64, u64) {
        (1_000_000, 2_500_000)
    }
    fn reconfigure(&self, _: &Config, new: &Config) -> Result<(), Refusal> {
        match new.integer(Param::Maxclients) {
            13 => Err((Param::Maxclients, "unlucky".to_owned())),
            _ => Ok(()),
        }
    }
    fn rewrite_config(&self, _: &Config, _: &[Vec<u8>], _: Appended) -> Result<(), String> {
        Ok(())
    }
    fn read_acl_file(&self, path: &str) -> Result<Vec<u8>, String> {
        self.acl_file.lock().clone().ok_or_else(|| format!("{path} is not there"))
    }
    fn write_acl_file(&self, _: &str, content: &[u8]) -> Result<(), String> {
        *self.acl_file.lock() = Some(content.to_vec());
        Ok(())
    }
    fn fill_with_entropy(&self, bytes: &mut [u8]) -> Result<(), String> {
        bytes.fill(0xa5);
        Ok(())
    }
}
