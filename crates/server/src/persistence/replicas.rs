//! Replicas, on the persistence thread: the cut of the snapshot with which they begin, and when nobody has to record any more.

use std::sync::Arc;

use config::Param;
use node::Node;
use tracing::warn;

use super::Persistence;
use crate::clock;
use crate::saver::Job;
use crate::snapshot_file::Form;

impl Persistence<'_> {
    /// Takes a snapshot if a replica waits for one and none is being written, or has failed a moment ago.
    pub(super) fn synchronise(&mut self) {
        let machine = Arc::clone(&self.machine);
        if !machine.replication.wants_snapshot(clock::monotonic_ns()) {
            return;
        }
        let (form, path) = {
            let config = self.node.shared.config.read();
            (Form::dump(&config), temporary(self.node))
        };
        let keyspace = &self.node.shared.keyspace;
        let mut content = None;
        self.access.begin(clock::now().unix);
        let image = self.node.image(&mut self.access, || {
            keyspace.set_recording(true);
            let position = machine.journal.drain(keyspace.log());
            content = machine.replication.cut(position);
        });
        self.access.end();
        match content {
            Some(content) => machine.begin_job(Job::Replica { image, content, form, path }),
            None => self.stop_recording(),
        }
    }

    /// The snapshot has been sent on its way, or could not be written.
    pub(super) fn finish_snapshot(&mut self, result: Result<(), String>) {
        if let Err(reason) = result {
            warn!("there is no snapshot for the replicas that wait for one, so they are closed: {reason}");
        }
        self.synchronise();
    }

    /// Once a second.
    pub(super) fn look_after_replicas(&mut self) {
        let (now_ns, now) = (clock::monotonic_ns(), clock::now().unix);
        let replication = &self.machine.replication;
        let ttl_s = {
            let config = self.node.shared.config.read();
            replication.look_after(&config, now_ns, now);
            config.integer(Param::ReplBacklogTtl)
        };
        if replication.may_rest(ttl_s, now_ns) {
            self.stop_recording();
        }
        self.synchronise();
    }

    /// If nobody follows what changes any more, it is not recorded any more.
    pub(super) fn stop_recording(&mut self) {
        let (machine, shared) = (Arc::clone(&self.machine), &self.node.shared);
        let ttl_s = shared.config.read().integer(Param::ReplBacklogTtl);
        let is_read = machine.journal.is_on() || self.own_log.is_some();
        self.access.begin(clock::now().unix);
        self.access.with_everything(|_| {
            if machine.replication.may_rest(ttl_s, clock::monotonic_ns()) {
                machine.journal.drain(shared.keyspace.log());
                machine.replication.rest();
            }
            if !is_read && !machine.replication.is_fed() {
                shared.keyspace.set_recording(false);
            }
        });
        self.access.end();
    }
}

/// The name of the next snapshot's file until it is open.
fn temporary(node: &Node) -> std::path::PathBuf {
    let folder = std::env::current_dir().unwrap_or_default();
    let number = node.shared.snapshots.load(std::sync::atomic::Ordering::Relaxed) + 1;
    folder.join(format!("temp-replica-{}-{number}.rdb", std::process::id()))
}
