//! Connections to other servers that stay open for the next MIGRATE, as Redis keeps them: a program that moves many keys sends one
//! command after the other, and each would have to connect. It logs in and selects its database each time, as in Redis.

use std::fmt;

use client::Client;
use engine::migration::Migration;
use parking_lot::Mutex;

/// How many are kept; beyond them the oldest one is closed.
const MAX_KEPT: usize = 64;
/// How long one is kept that nobody uses.
const KEPT_NS: u64 = 10_000_000_000;

/// Where a connection leads, and who has logged in there: it is for nobody else.
#[derive(Clone, PartialEq, Eq)]
pub struct Destination {
    host: String,
    port: u16,
    login: Option<(Option<Vec<u8>>, Vec<u8>)>,
}

/// See the module's text. The oldest one is the first.
pub struct Connections<C = Client>(Mutex<Vec<(Destination, C, u64)>>);

impl<C> Default for Connections<C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<C> fmt::Debug for Connections<C> {
    /// Without what somebody has logged in with.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connections({} kept)", self.count())
    }
}

impl Destination {
    /// That of a migration.
    pub fn of(migration: &Migration) -> Self {
        let Migration { host, port, login, .. } = migration;
        Self { host: host.clone(), port: *port, login: login.clone() }
    }
}

impl<C> Connections<C> {
    /// Takes one that leads there and is not old, if there is one.
    pub fn take(&self, to: &Destination, now_ns: u64) -> Option<C> {
        self.close_old(now_ns);
        let mut kept = self.0.lock();
        let at = kept.iter().rposition(|(destination, ..)| destination == to)?;
        Some(kept.remove(at).1)
    }

    /// Keeps one on which nothing is awaited.
    pub fn keep(&self, to: Destination, connection: C, now_ns: u64) {
        let mut kept = self.0.lock();
        let oldest = (kept.len() >= MAX_KEPT).then(|| kept.remove(0));
        kept.push((to, connection, now_ns));
        drop(kept); // nobody waits while it is closed
        drop(oldest);
    }

    /// Closes those that nobody has used for a while. The lock is not held meanwhile.
    pub fn close_old(&self, now_ns: u64) {
        let is_old =
            |(_, _, since_ns): &mut (Destination, C, u64)| now_ns.saturating_sub(*since_ns) >= KEPT_NS;
        let old: Vec<_> = self.0.lock().extract_if(.., is_old).collect();
        drop(old);
    }

    /// How many are kept.
    pub fn count(&self) -> usize {
        self.0.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(port: u16, password: &[u8]) -> Destination {
        Destination { host: "host".to_owned(), port, login: Some((None, password.to_vec())) }
    }

    #[test]
    fn a_connection_is_for_the_same_server_and_login_alone() {
        let connections = Connections::default();
        connections.keep(destination(1, b"a"), "first", 0);
        connections.keep(destination(1, b"a"), "second", 5);
        assert_eq!(connections.take(&destination(1, b"b"), 9), None);
        assert_eq!(connections.take(&destination(2, b"a"), 9), None);
        assert_eq!(connections.take(&Destination { login: None, ..destination(1, b"a") }, 9), None);
        assert_eq!(connections.take(&destination(1, b"a"), 9), Some("second"));
        assert_eq!(connections.take(&destination(1, b"a"), 9), Some("first"));
        assert_eq!(connections.take(&destination(1, b"a"), 9), None);
    }

    #[test]
    fn old_ones_are_closed_and_no_more_than_some_are_kept() {
        let connections = Connections::default();
        for port in 0..=MAX_KEPT as u16 {
            connections.keep(destination(port, b""), port, u64::from(port));
        }
        assert_eq!(connections.count(), MAX_KEPT);
        assert_eq!(connections.take(&destination(0, b""), 99), None, "the oldest one gave way");
        connections.close_old(KEPT_NS + 9);
        assert_eq!(connections.count(), MAX_KEPT - 9);
        connections.close_old(u64::MAX);
        assert_eq!(connections.count(), 0);
        connections.keep(destination(1, b""), 1, 0);
        connections.keep(destination(2, b""), 2, 1);
        assert_eq!(
            connections.take(&destination(1, b""), KEPT_NS),
            None,
            "nobody has closed it, but it is old"
        );
        assert_eq!(connections.take(&destination(2, b""), KEPT_NS), Some(2));
    }
}
