//! A machine for tests that have none: it does nothing and says so.

use std::cell::RefCell;
use std::sync::Arc;

use config::{Appended, Config, LogLevel};
use engine::Shared;
use engine::client::ClientRecord;
use engine::errand::Errand;
use engine::host::{
    AllocatorValue, BadLibraries, BadPayload, Host, MemoryFigures, PersistenceFigures, Refusal, Reload,
    Restored, Restoring, Shutdown,
};
use engine::migration::Migration;
use engine::shared::Identity;
use engine::slices::{Producer, Progress};
use engine::tracking::Place;
use keyspace::{Access, Effect, Keyspace, Libraries, LogPosition};
use stdx::hash::HashKey;
use stdx::time::UnixMs;
use value::Value;

thread_local! {
    /// What looks round while a payload is worked on.
    pub(crate) static AT_WORK: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
    /// What was noted in the log.
    pub(crate) static LOGGED: RefCell<Vec<(LogLevel, String)>> = const { RefCell::new(Vec::new()) };
}

/// What is wrong with every payload.
const BROKEN: &str = "it is broken";

fn work_on_payload() {
    AT_WORK.with_borrow(|look| look.iter().for_each(|look| look()));
}

/// A payload that says so, and holds nothing.
#[derive(Debug)]
struct Payload;

impl Producer for Payload {
    fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        work_on_payload();
        out.extend_from_slice(b"payload");
        Progress::Done
    }
    fn remaining_bytes(&self) -> usize {
        0
    }
}

impl Restoring for Payload {
    fn step(&mut self, _: &[u8]) -> Result<Option<Restored>, BadPayload> {
        work_on_payload();
        Err(BadPayload::Format(BROKEN.to_owned()))
    }
}

/// A machine that does nothing and says so.
pub(crate) struct Nothing;

impl Host for Nothing {
    fn wake_client(&self, _: &ClientRecord) {}
    fn feed_monitors(&self, _: &[u8]) {}
    fn wake_all(&self) {}
    fn shutdown(&self, _: &mut Access<'_>, _: Shutdown) -> Result<(), String> {
        Ok(())
    }
    fn rewrite_aof(&self) -> Result<bool, String> {
        Ok(true)
    }
    fn run_errand(&self, _: Errand, _: Place, _: u64) {}
    fn backup(&self) -> engine::sealing::Status {
        engine::sealing::Status::default()
    }
    fn migrate(&self, _: Migration, _: Place, _: u64) {}
    fn attach_replica(&self, _: &Arc<engine::replication::Replica>, _: Option<(Vec<u8>, u64)>) {}
    fn tell_acknowledged(&self) {}
    fn synced(&self) -> Option<LogPosition> {
        None
    }
    fn flushed(&self, _: &mut Access<'_>) {}
    fn save(&self, _: &mut Access<'_>) -> Result<(), String> {
        Err("nowhere to save".to_owned())
    }
    fn save_in_background(&self, _: &mut Access<'_>, _: bool) -> Result<bool, String> {
        Ok(true)
    }
    fn apply_config(&self, _: &mut Access<'_>, _: &Config, _: &Config) -> Result<(), Refusal> {
        Ok(())
    }
    fn rewrite_config(&self, _: &Config, _: &[Vec<u8>], _: Appended) -> Result<(), String> {
        Ok(())
    }
    fn read_acl_file(&self, _: &str) -> Result<Vec<u8>, String> {
        Err("there is none".to_owned())
    }
    fn write_acl_file(&self, _: &str, _: &[u8]) -> Result<(), String> {
        Ok(())
    }
    fn log(&self, level: LogLevel, text: &str) {
        LOGGED.with_borrow_mut(|logged| logged.push((level, text.to_owned())));
    }
    fn fill_with_entropy(&self, _: &mut [u8]) -> Result<(), String> {
        Ok(())
    }
    fn unix_us(&self) -> u64 {
        0
    }
    fn memory(&self) -> MemoryFigures {
        MemoryFigures::default()
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
    fn dump(&self, _: Value, _: UnixMs) -> Box<dyn Producer> {
        Box::new(Payload)
    }
    fn restore(&self, _: &[u8]) -> Result<Restored, BadPayload> {
        work_on_payload();
        Err(BadPayload::Format(BROKEN.to_owned()))
    }
    fn begin_restore(&self, _: bool) -> Box<dyn Restoring> {
        Box::new(Payload)
    }
    fn dump_libraries(&self, _: &Libraries) -> Vec<u8> {
        b"payload".to_vec()
    }
    fn restore_libraries(&self, _: &[u8]) -> Result<Vec<Vec<u8>>, BadLibraries> {
        Ok(vec![b"#!lua name=l\nredis.register_function('f', redis.call)".to_vec()])
    }
    fn reload(&self, _: &mut Access<'_>, _: Reload) -> Result<(), String> {
        Ok(())
    }
}

/// What the workers share, of a server with one of them. There may be another access.
pub(crate) fn shared() -> Shared {
    let keyspace = Keyspace::new(keyspace::Options {
        databases: 16,
        shards: 1024,
        workers: 2,
        hash_key: HashKey([1, 2]),
        encode: |_: &Effect<'_>, out| out.push(b'.'),
    });
    keyspace.set_recording(true);
    let identity = Identity {
        run_id: "0".repeat(40),
        process_id: 1,
        system: "none".to_owned(),
        threads: 1,
        ..Identity::default()
    };
    Shared::new(Arc::new(keyspace), Config::default(), identity, 1, || 0)
}
