//! The machine of a node that only loads: it has a clock, and no disk, no clients and no threads.

use std::sync::Arc;

use config::{Appended, Config, LogLevel};
use engine::Shared;
use engine::errand::Errand;
use engine::migration::Migration;
use engine::tracking::Place;
use keyspace::{Access, LogPosition};
use node::{AllocatorValue, Dead, Image, Machine, Mail, MemoryFigures, PersistenceFigures, Refusal};

use crate::clock;

/// Commands that need what is not there are refused by the loader, or told this.
const NOTHING: &str = "there is no server";

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Quiet;

impl Machine for Quiet {
    fn post(&self, _: usize, _: Mail) {}
    fn write_log(&self, _: &Shared, _: usize, _: LogPosition) -> bool {
        true
    }
    fn released(&self) -> LogPosition {
        LogPosition(u64::MAX)
    }
    fn run_errand(&self, _: Errand, _: Place, _: u64) {}
    fn backup(&self) -> engine::sealing::Status {
        engine::sealing::Status::default()
    }
    fn migrate(&self, _: Migration, _: Place, _: u64) {}
    fn synced(&self) -> Option<LogPosition> {
        None
    }
    fn await_sync(&self, _: usize) {}
    fn attach_replica(&self, _: &Arc<engine::replication::Replica>, _: Option<(Vec<u8>, u64)>) {}
    fn detach_replica(&self, _: u64) {}
    fn ask_replicas(&self, _: LogPosition) {}
    fn free(&self, dead: Dead) {
        drop(dead);
    }
    fn thread_bytes(&self) -> i64 {
        0
    }
    fn rewrite_aof(&self) -> Result<bool, String> {
        Err(NOTHING.to_owned())
    }
    fn check_save(&self) -> Result<(), String> {
        Err(NOTHING.to_owned())
    }
    fn save(&self, _: &Shared, _: Image) -> Result<(), String> {
        Err(NOTHING.to_owned())
    }
    fn reserve_save(&self, _: bool) -> Result<bool, String> {
        Err(NOTHING.to_owned())
    }
    fn save_in_background(&self, _: &Shared, _: Image) {}
    fn give_up_save(&self) {}
    fn load_rdb(&self, _: &Shared, _: &mut Access<'_>, _: bool) -> Result<(), String> {
        Err(NOTHING.to_owned())
    }
    fn lacks_first_base(&self) -> bool {
        false
    }
    fn end(&self) {}
    fn log(&self, _: LogLevel, _: &str) {}
    fn unix_us(&self) -> u64 {
        clock::unix_us()
    }
    fn memory(&self) -> MemoryFigures {
        MemoryFigures::default()
    }
    fn is_sparse(&self, _: *const u8) -> bool {
        false
    }
    fn purge_memory(&self) {}
    fn allocator_report(&self) -> String {
        String::new()
    }
    fn allocator_value(&self, _: &[u8]) -> Option<AllocatorValue> {
        None
    }
    fn persistence(&self) -> PersistenceFigures {
        PersistenceFigures::default()
    }
    fn processor_us(&self) -> (u64, u64) {
        (0, 0)
    }
    fn workers_us(&self) -> (u64, u64) {
        (0, 0)
    }
    fn reconfigure(&self, _: &Config, _: &Config) -> Result<(), Refusal> {
        Ok(())
    }
    fn rewrite_config(&self, _: &Config, _: &[Vec<u8>], _: Appended) -> Result<(), String> {
        Err(NOTHING.to_owned())
    }
    fn read_acl_file(&self, _: &str) -> Result<Vec<u8>, String> {
        Err(NOTHING.to_owned())
    }
    fn write_acl_file(&self, _: &str, _: &[u8]) -> Result<(), String> {
        Err(NOTHING.to_owned())
    }
    fn fill_with_entropy(&self, _: &mut [u8]) -> Result<(), String> {
        Err(NOTHING.to_owned())
    }
}
