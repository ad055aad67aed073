//! The node as the commands' host.

use config::{Appended, Config, LogLevel, Param};
use engine::client::ClientRecord;
use engine::errand::Errand;
use engine::host::{
    AllocatorValue, BadLibraries, BadPayload, Host, MemoryFigures, PersistenceFigures, Refusal, Reload,
    Restored, Restoring, Shutdown,
};
use engine::migration::Migration;
use engine::replication::Replica;
use engine::sealing::Status;
use engine::slices::Producer;
use engine::tracking::Place;
use keyspace::{Access, DbIndex, Libraries, LogPosition};
use persist::dump::LibrariesError;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use stdx::time::UnixMs;
use value::Value;

use crate::machine::Mail;
use crate::node::Node;
use crate::payload;

impl Host for Node {
    fn wake_client(&self, client: &ClientRecord) {
        self.machine.post(client.worker, Mail::Look { number: client.number, id: client.id });
    }

    fn feed_monitors(&self, line: &[u8]) {
        let line: Arc<[u8]> = line.into();
        for worker in 0..self.shared.identity.threads {
            self.machine.post(worker, Mail::Monitor(Arc::clone(&line)));
        }
    }

    fn log(&self, level: LogLevel, text: &str) {
        self.machine.log(level, text);
    }

    fn wake_all(&self) {
        for worker in 0..self.shared.identity.threads {
            self.machine.post(worker, Mail::Unpaused);
        }
    }

    fn shutdown(&self, access: &mut Access<'_>, how: Shutdown) -> Result<(), String> {
        self.save_before_end(access, how)?;
        self.shared.running.end_all();
        self.machine.end();
        Ok(())
    }

    fn rewrite_aof(&self) -> Result<bool, String> {
        self.machine.rewrite_aof()
    }

    fn delay_appends(&self, us: u64) {
        self.machine.delay_appends(us);
    }

    fn run_errand(&self, errand: Errand, to: Place, waiter: u64) {
        self.machine.run_errand(errand, to, waiter);
    }

    fn backup(&self) -> Status {
        self.machine.backup()
    }

    fn migrate(&self, migration: Migration, to: Place, waiter: u64) {
        self.machine.migrate(migration, to, waiter);
    }

    fn kept_connections(&self) -> usize {
        self.machine.kept_connections()
    }

    fn attach_replica(&self, replica: &Arc<Replica>, from: Option<(Vec<u8>, u64)>) {
        self.machine.attach_replica(replica, from);
    }

    fn tell_acknowledged(&self) {
        for worker in 0..self.shared.identity.threads {
            if self.shared.replicas.take_awaited(worker) {
                self.machine.post(worker, Mail::Acknowledged);
            }
        }
    }

    fn synced(&self) -> Option<LogPosition> {
        self.machine.synced()
    }

    fn flushed(&self, access: &mut Access<'_>) {
        self.machine.give_up_save();
        if self.shared.config.read().save_points().is_empty() {
            return;
        }
        let saved = if access.is_exclusive() {
            // In a transaction all clients would wait for the disk.
            self.save_in_background(access, true).map(drop)
        } else {
            self.save_now(access)
        };
        if let Err(reason) = saved {
            self.machine.warn(&format!("the empty data cannot be saved: {reason}"));
        }
    }

    fn save(&self, access: &mut Access<'_>) -> Result<(), String> {
        self.machine.check_save()?;
        self.save_now(access)
    }

    fn save_in_background(&self, access: &mut Access<'_>, schedule: bool) -> Result<bool, String> {
        let begins = self.machine.reserve_save(schedule)?;
        if begins {
            let image = self.image(access, || ());
            self.machine.save_in_background(&self.shared, image);
        }
        Ok(begins)
    }

    fn apply_config(&self, _: &mut Access<'_>, old: &Config, new: &Config) -> Result<(), Refusal> {
        self.machine.reconfigure(old, new)?;
        let password = new.text(Param::Requirepass);
        if password != old.text(Param::Requirepass) {
            self.shared.accounts.change(|users| users.set_default_password(password));
        }
        self.configure();
        self.wake_all();
        Ok(())
    }

    fn rewrite_config(&self, config: &Config, users: &[Vec<u8>], appended: Appended) -> Result<(), String> {
        self.machine.rewrite_config(config, users, appended)
    }

    fn read_acl_file(&self, path: &str) -> Result<Vec<u8>, String> {
        self.machine.read_acl_file(path)
    }

    fn write_acl_file(&self, path: &str, content: &[u8]) -> Result<(), String> {
        self.machine.write_acl_file(path, content)
    }

    fn fill_with_entropy(&self, bytes: &mut [u8]) -> Result<(), String> {
        self.machine.fill_with_entropy(bytes)
    }

    fn unix_us(&self) -> u64 {
        self.machine.unix_us()
    }

    fn memory(&self) -> MemoryFigures {
        self.machine.memory()
    }

    fn purge_memory(&self) {
        self.machine.purge_memory();
    }

    fn allocator_report(&self) -> String {
        self.machine.allocator_report()
    }

    fn allocator_value(&self, name: &[u8]) -> Option<AllocatorValue> {
        self.machine.allocator_value(name)
    }

    fn persistence(&self) -> PersistenceFigures {
        self.machine.persistence()
    }

    fn processor_us(&self) -> (u64, u64) {
        self.machine.processor_us()
    }

    fn workers_us(&self) -> (u64, u64) {
        self.machine.workers_us()
    }

    fn dump(&self, value: Value, now: UnixMs) -> Box<dyn Producer> {
        Box::new(payload::Dumping::new(value, now))
    }

    fn restore(&self, payload: &[u8]) -> Result<Restored, BadPayload> {
        let skipped = self.shared.checksums_skipped.load(Ordering::Relaxed);
        payload::restore(payload, self.shared.keyspace.settings(), !skipped)
    }

    fn begin_restore(&self, is_recorded: bool) -> Box<dyn Restoring> {
        let skipped = self.shared.checksums_skipped.load(Ordering::Relaxed);
        Box::new(payload::Making::new(self.shared.keyspace.settings(), !skipped, is_recorded))
    }

    fn dump_libraries(&self, libraries: &Libraries) -> Vec<u8> {
        persist::dump::encode_libraries(libraries)
    }

    fn restore_libraries(&self, payload: &[u8]) -> Result<Vec<Vec<u8>>, BadLibraries> {
        persist::dump::decode_libraries(payload).map_err(|error| match error {
            LibrariesError::Foot => BadLibraries::Checksum,
            LibrariesError::Kind => BadLibraries::Kind,
            LibrariesError::Format => BadLibraries::Format,
        })
    }

    fn reload(&self, access: &mut Access<'_>, what: Reload) -> Result<(), String> {
        access.with_everything(|access| {
            if what.save {
                self.save(access)?;
            }
            if what.flush {
                access.db(DbIndex(0)).flush_all();
                access.clear_libraries();
            }
            self.machine.load_rdb(&self.shared, access, what.merge)
        })
    }
}
