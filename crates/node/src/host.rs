//! The node as the commands' host.

use std::sync::atomic::Ordering;

use config::{Appended, Config, Param};
use engine::client::ClientRecord;
use engine::host::{BadPayload, Host, MemoryFigures, PersistenceFigures, Refusal, Shutdown};
use keyspace::Access;
use persist::dump::RestoreError;
use std::sync::Arc;
use value::{Value, ValueRef};

use crate::machine::{Background, JournalLetter, Mail};
use crate::node::Node;

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

    fn wake_all(&self) {
        for worker in 0..self.shared.identity.threads {
            self.machine.post(worker, Mail::Unpaused);
        }
    }

    fn shutdown(&self, how: Shutdown) -> Result<(), String> {
        self.machine.shutdown(how)
    }

    fn rewrite_aof(&self, access: &mut Access<'_>) -> Result<bool, String> {
        if self.machine.persistence().aof_rewriting {
            return Err("Background append only file rewriting already in progress".to_owned());
        }
        let snapshot = access.snapshot(|position| self.machine.journal(JournalLetter::Cut(position)));
        self.machine.begin(Background::RewriteAof(snapshot));
        Ok(true)
    }

    fn save(&self, access: &mut Access<'_>, background: bool) -> Result<(), String> {
        let snapshot = access.snapshot(|_| ());
        if background {
            self.machine.begin(Background::Save(snapshot));
            return Ok(());
        }
        self.machine.save_now(&self.shared, snapshot)
    }

    fn apply_config(&self, access: &mut Access<'_>, old: &Config, new: &Config) -> Result<(), Refusal> {
        self.machine.reconfigure(old, new)?;
        self.configure();
        let (was_on, is_on) = (old.yes(Param::Appendonly), new.yes(Param::Appendonly));
        if is_on && !was_on {
            let keyspace = access.keyspace();
            let snapshot = access.snapshot(|position| {
                keyspace.set_recording(true);
                self.machine.journal(JournalLetter::Cut(position));
            });
            self.machine.begin(Background::RewriteAof(snapshot));
        }
        self.machine.journal(JournalLetter::Configured);
        self.wake_all();
        Ok(())
    }

    fn rewrite_config(&self, config: &Config, appended: Appended) -> Result<(), String> {
        self.machine.rewrite_config(config, appended)
    }

    fn memory(&self) -> MemoryFigures {
        self.machine.memory()
    }

    fn purge_memory(&self) {
        self.machine.purge_memory();
    }

    fn persistence(&self) -> PersistenceFigures {
        self.machine.persistence()
    }

    fn processor_us(&self) -> (u64, u64) {
        self.machine.processor_us()
    }

    fn dump(&self, value: &ValueRef<'_>) -> Vec<u8> {
        persist::dump::encode(*value)
    }

    fn restore(&self, payload: &[u8]) -> Result<Value, BadPayload> {
        let settings = self.shared.keyspace.hash_settings();
        let skipped = self.shared.checksums_skipped.load(Ordering::Relaxed);
        let decode = if skipped { persist::dump::decode_unverified } else { persist::dump::decode };
        decode(payload, settings).map_err(|error| match error {
            RestoreError::Foot => BadPayload::Checksum,
            RestoreError::Format => BadPayload::Format,
        })
    }

    fn reload(&self, _: &mut Access<'_>) -> Result<(), String> {
        Err("reloading is not available".to_owned())
    }
}
