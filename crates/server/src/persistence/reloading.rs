//! DEBUG LOADAOF, on the persistence thread: everything goes and comes back from the append-only file, while workers tell clients
//! that the server is loading.

use std::sync::atomic::Ordering;

use engine::errand::{Done, Ended};
use engine::tracking::Place;
use keyspace::DbIndex;
use node::{Loader, Machine, Mail, Side};
use tracing::error;

use super::Persistence;
use crate::clock;
use crate::loading::{self, Owner};

impl Persistence<'_> {
    /// Loads the file for a client, and tells its worker.
    pub(super) fn load_aof(&mut self, to: Place, waiter: u64) {
        let result = self.load_file_anew().map(|()| Done::Ok);
        self.machine.post(to.worker, Mail::Errand(Box::new(Ended { result, to, waiter })));
    }

    fn load_file_anew(&mut self) -> Result<(), String> {
        let figures = self.machine.persistence();
        if figures.aof_enabled && !figures.aof_write_ok {
            return Err("the append-only file cannot be written now, so it does not hold all data".to_owned());
        }
        let shared = &self.node.shared;
        let was_recording = shared.keyspace.is_recording();
        // What follows is in the file already. Other clients are told to wait.
        self.access.begin(clock::now().unix);
        self.access.with_everything(|access| {
            shared.loading.store(true, Ordering::Relaxed);
            access.stop_recording();
            shared.keyspace.set_recording(false);
            access.db(DbIndex(0)).flush_all();
            access.clear_libraries();
        });
        // The commands of the file run in batches of their own, and some of them alone.
        self.access.end();
        self.load_file();
        self.access.begin(clock::now().unix);
        self.access.with_everything(|_| {
            shared.keyspace.set_recording(was_recording);
            shared.loading.store(false, Ordering::Relaxed);
        });
        self.access.end();
        Ok(())
    }

    /// Loads the file, which everything recorded reaches first, into an empty keyspace.
    fn load_file(&self) {
        let (node, machine) = (self.node, &self.machine);
        let mut files = machine.append_only.lock();
        machine.journal.advance(&node.shared);
        let Some(files) = files.as_mut() else { return };
        // Loading may take longer than what was written may wait for this thread.
        machine.journal.sync(&node.shared);
        let mut loader = Loader::new(node, Side::Reload, clock::now());
        match loading::append_only(&machine.disk, (files, Owner::Server), node, &mut loader, None) {
            Ok(recovered) => machine.progress.set_loaded(&recovered.loaded),
            Err(reason) => {
                error!("{reason}. The process ends, as what it holds now is not all data");
                std::process::exit(1);
            }
        }
    }
}
