//! What goes on beside the load: who prepares it, who does it meanwhile, and who tidies up.
//!
//! Everything is bounded: by what was prepared, by a pause between two steps, and by [`Stop`].

mod clients;
mod data;

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::clock;
use crate::options::Persistence;
use crate::target;
use crate::versus::Peer;

use super::load::Shares;

/// What the load is measured beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Beside {
    /// A million keys (`--many`) that expire at one millisecond.
    Expire,
    /// Memory that is limited to nine tenths of what is used, and a client that writes new keys.
    Evict,
    /// BGSAVE, one after the other.
    Bgsave,
    /// BGREWRITEAOF, one after the other.
    Rewrite,
    /// DEL and UNLINK of large collections, a large string, and a thousand keys at a time.
    Del,
    /// DEL and UNLINK that name 100,000 keys.
    MassDel,
    /// Connections that are made, used once and closed, twenty at a time.
    Storm,
    /// Subscribers that read more slowly than a channel is written to, until the server ends them.
    Subscribers,
}

/// A server, and what is known of the measurement.
pub struct Scene<'a> {
    pub peer: &'a Peer,
    pub shares: Shares,
    pub persistence: Persistence,
    /// Keys or members that a disturbance is made of.
    pub many: u64,
}

/// Tells the thread of a disturbance that it is to end.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// To be called before that thread is unparked.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits; false: it is time to end.
    fn pause(&self, time: Duration) -> bool {
        self.wait_until(clock::now_ns() + time.as_nanos() as u64)
    }

    /// Waits until then; false: it is time to end.
    pub fn wait_until(&self, then_ns: u64) -> bool {
        while !self.is_set() {
            match then_ns.saturating_sub(clock::now_ns()) {
                0 => return true,
                left => std::thread::park_timeout(Duration::from_nanos(left)),
            }
        }
        false
    }
}

impl Beside {
    /// Brings the server into the state in which it begins. Gives when the load is to start, if not at once.
    pub fn prepare(self, scene: &Scene<'_>) -> io::Result<Option<u64>> {
        let mut client = target::connect(&scene.peer.target)?;
        match self {
            Self::Expire => data::prepare_expiry(&mut client, scene.many).map(Some),
            Self::Evict => data::prepare_eviction(&mut client).map(|()| None),
            Self::Rewrite => data::prepare_rewrite(&mut client).map(|()| None),
            Self::Del => data::prepare_large(&mut client, scene.many).map(|()| None),
            Self::MassDel => data::prepare_keys(&mut client).map(|()| None),
            Self::Subscribers => clients::prepare_subscribers(&mut client).map(|()| None),
            Self::Bgsave | Self::Storm => Ok(None),
        }
    }

    /// Does it, until it is done or is to end. Gives what has been done.
    pub fn disturb(self, scene: &Scene<'_>, stop: &Stop) -> io::Result<String> {
        let mut client = target::connect(&scene.peer.target)?;
        match self {
            Self::Expire => Ok(format!("{} keys", scene.many)),
            Self::Evict => data::evict(&mut client, scene.shares.value_size, stop),
            Self::Bgsave => data::repeat_saving(&mut client, data::SAVE, stop),
            Self::Rewrite => data::repeat_saving(&mut client, data::REWRITE, stop),
            Self::Del => data::delete_large(&mut client, stop),
            Self::MassDel => data::delete_keys(&mut client, stop),
            Self::Storm => clients::storm(&scene.peer.address, stop),
            Self::Subscribers => clients::subscribe_slowly(&scene.peer.address, &mut client, stop),
        }
    }

    /// Brings the server back to how it was, with all its keys.
    pub fn settle(self, scene: &Scene<'_>) -> io::Result<()> {
        let mut client = target::connect(&scene.peer.target)?;
        match self {
            Self::Bgsave => data::await_end(&mut client, data::SAVE),
            Self::Rewrite => data::settle_rewrite(&mut client, scene.persistence),
            Self::Storm => Ok(()),
            Self::Subscribers => clients::settle_subscribers(&mut client),
            Self::Expire | Self::Evict | Self::Del | Self::MassDel => data::refill(&mut client, scene),
        }
    }
}

impl fmt::Display for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expire => "expiry of many keys",
            Self::Evict => "eviction",
            Self::Bgsave => "BGSAVE",
            Self::Rewrite => "BGREWRITEAOF",
            Self::Del => "DEL of large values",
            Self::MassDel => "DEL of 100,000 keys",
            Self::Storm => "connection storm",
            Self::Subscribers => "slow subscribers",
        })
    }
}
