//! What is due once a second: signs of life in both directions, limits, and the end of a backlog that nobody came back for.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use config::{Config, Param};
use engine::replication::Phase;
use node::Parcel;
use stdx::time::UnixMs;
use tracing::{info, warn};

use super::{Replication, SECOND_NS, State, new_name};
use crate::shared::Letter;

impl Replication {
    /// Does what is due. Called once a second.
    pub fn look_after(&self, config: &Config, now_ns: u64, now: UnixMs) {
        let mut state = self.state.lock();
        if state.primary.is_alone() {
            return;
        }
        let mut notes = state.primary.keep_waiting();
        if now_ns >= state.next_ping_ns {
            state.next_ping_ns = now_ns.saturating_add(state.ping_period_ns);
            notes.extend(state.primary.say(&[b"PING"]));
        }
        self.deliver(&mut state, notes, None);
        self.limit_gathered(&mut state);
        self.end_silent(&state, config.integer(Param::ReplTimeout), now);
        state.tell();
    }

    /// Closes replicas that have not been heard for long.
    fn end_silent(&self, state: &State, timeout_s: i64, now: UnixMs) {
        let is_silent = |replica: &&Arc<engine::replication::Replica>| {
            replica.phase() == Phase::Online && replica.acknowledges && replica.lag_s(now) > timeout_s
        };
        for replica in state.followers.values().filter(is_silent) {
            let place = engine::tracking::Place::of(&replica.record);
            warn!("the replica (client {}) has been silent for {timeout_s} seconds: it is closed", place.id);
            let mail = node::Mail::Replica { to: place, parcel: Parcel::End };
            self.mailboxes[place.worker].send(Letter::Node(mail));
        }
    }

    /// Whether nobody has followed for so long that the backlog is of no use; 0 = it always is.
    pub fn may_rest(&self, backlog_ttl_s: i64, now_ns: u64) -> bool {
        let state = self.state.lock();
        let ttl_ns = backlog_ttl_s.unsigned_abs().saturating_mul(SECOND_NS);
        self.is_fed()
            && state.primary.is_alone()
            && backlog_ttl_s > 0
            && now_ns.saturating_sub(state.alone_since_ns) > ttl_ns
    }

    /// Everything is locked: if nobody follows still, the history ends, and the log need not be fed any more.
    pub fn rest(&self) {
        let mut state = self.state.lock();
        if state.primary.is_alone() {
            let name = new_name();
            state.name = name.as_str().into();
            state.primary.rest(name);
            self.is_fed.store(false, Ordering::Release);
            state.tell();
            info!("no replica has come back: the backlog is given up");
        }
    }
}
