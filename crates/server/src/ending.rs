//! What the main thread does before the end: it waits for replicas that lag, and saves.
//!
//! Whoever wants the end, by a signal or by SHUTDOWN, leaves the wait to it. It looks in short turns, for the wait is short and ends
//! with the server: at what replicas have acknowledged, at the clock, and for another signal, which ends the wait.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use config::Param;
use engine::Host;
use engine::replication::Replica;
use keyspace::Access;
use node::{Shutdown, Side};
use tracing::{info, warn};

use crate::clock;
use crate::machine::ServerMachine;
use crate::shared::Shared;
use crate::signals::Waiting;

/// How long it does not look.
const TURN: Duration = Duration::from_millis(10);

/// Somebody who ends the server.
pub struct Ender<'s> {
    pub shared: &'s Shared,
    pub machine: &'s ServerMachine,
    pub signals: &'s mut Waiting,
}

impl Ender<'_> {
    /// A signal asks for the end. `Err`: the server goes on.
    pub fn end_at(&mut self, signal: &str) -> Result<(), String> {
        let node = &self.shared.node;
        let parameter = if signal == "SIGINT" { Param::ShutdownOnSigint } else { Param::ShutdownOnSigterm };
        let (how, timeout_s) = {
            let config = node.shared.config.read();
            (how_of(config.flags(parameter)), config.integer(Param::ShutdownTimeout))
        };
        if how.now || timeout_s == 0 || self.lagging().is_empty() {
            return self.save(how);
        }
        let until = clock::now().unix.saturating_add_millis(timeout_s.saturating_mul(1000));
        node.shared.ending.begin(how, until);
        node.shared.clients.hold_writes(true);
        self.end_when_replicas_have_all()
    }

    /// Waits for replicas if somebody has begun that, and saves. `Err`: the server goes on.
    pub fn end_when_replicas_have_all(&mut self) -> Result<(), String> {
        let ending = &self.shared.node.shared.ending;
        let how = self.await_replicas();
        let result = how.ok_or_else(|| "it was called off".to_owned()).and_then(|how| self.save(how));
        if how.is_some() && result.is_err() {
            ending.give_up();
            self.shared.node.shared.clients.hold_writes(false);
            self.shared.node.wake_all();
        }
        if result.is_err() {
            self.machine.dismiss_callers(ending.current().map(|wait| wait.number));
        }
        result
    }

    /// How the server is to end, when it is time; `None`: it is not to.
    fn await_replicas(&mut self) -> Option<Shutdown> {
        let shared = &self.shared.node.shared;
        let mut asked = None;
        loop {
            let Some(wait) = shared.ending.current() else {
                info!("the shutdown was called off");
                return None;
            };
            self.machine.dismiss_callers(Some(wait.number));
            let position = shared.keyspace.position();
            let is_over = clock::now().unix >= wait.until || self.signals.has_come();
            let lagging = self.lagging();
            if (lagging.is_empty() || is_over) && shared.ending.decide(wait.number) {
                self.tell(&lagging);
                return Some(wait.how);
            }
            if asked.is_none() {
                info!("{} of the replicas lag: they are waited for", lagging.len());
            }
            if asked != Some(position) {
                self.machine.replication.ask(position);
                asked = Some(position);
            }
            thread::park_timeout(TURN);
        }
    }

    /// Replicas that do not have everything.
    fn lagging(&self) -> Vec<Arc<Replica>> {
        let shared = &self.shared.node.shared;
        shared.replicas.lagging(shared.keyspace.position())
    }

    fn tell(&self, lagging: &[Arc<Replica>]) {
        let replicas = &self.shared.node.shared.replicas;
        let (all, offset) = (replicas.all().len(), replicas.history().offset);
        for replica in lagging {
            let ((address, port), phase) = (replica.address(), replica.phase().name());
            let missing = offset.saturating_sub(replica.acknowledged());
            warn!(
                "the replica {address}:{port} ({phase}) lags: it may lack the last {missing} bytes of the stream"
            );
        }
        info!("{} of {all} replicas are in sync at the end", all - lagging.len().min(all));
    }

    /// Saves what is to be saved before the end.
    fn save(&self, how: Shutdown) -> Result<(), String> {
        let node = &*self.shared.node;
        let mut access = Access::new(&node.shared.keyspace, node.side(Side::Main), clock::entropy());
        access.begin(clock::now().unix);
        let saved = node.save_before_end(&mut access, how);
        access.end();
        saved
    }
}

/// What the flags of a parameter say.
fn how_of<'f>(flags: impl IntoIterator<Item = &'f str>) -> Shutdown {
    let mut how = Shutdown::default();
    for flag in flags {
        match flag {
            "save" => how.save = Some(true),
            "nosave" => how.save = Some(false),
            "now" => how.now = true,
            "force" => how.force = true,
            _ => {}
        }
    }
    how
}
