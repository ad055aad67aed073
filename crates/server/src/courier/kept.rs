//! Connections to other servers that stay open for the next MIGRATE, as Redis keeps them: a program that moves many keys sends one
//! command after the other, and each would have to connect and to log in.

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
    /// Takes one that leads there, if there is one.
    pub fn take(&self, to: &Destination) -> Option<C> {
        let mut kept = self.0.lock();
        let at = kept.iter().rposition(|(destination, ..)| destination == to)?;
        Some(kept.remove(at).1)
    }

    /// Keeps one on which nothing is awaited.
    pub fn keep(&self, to: Destination, connection: C, now_ns: u64) {
        let mut kept = self.0.lock();
        if kept.len() >= MAX_KEPT {
            kept.remove(0);
        }
        kept.push((to, connection, now_ns));
    }

    /// Closes those that nobody has used for a while.
    pub fn close_old(&self, now_ns: u64) {
        self.0.lock().retain(|&(_, _, since_ns)| now_ns.saturating_sub(since_ns) < KEPT_NS);
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
        assert_eq!(connections.take(&destination(1, b"b")), None);
        assert_eq!(connections.take(&destination(2, b"a")), None);
        assert_eq!(connections.take(&Destination { login: None, ..destination(1, b"a") }), None);
        assert_eq!(connections.take(&destination(1, b"a")), Some("second"));
        assert_eq!(connections.take(&destination(1, b"a")), Some("first"));
        assert_eq!(connections.take(&destination(1, b"a")), None);
    }

    #[test]
    fn old_ones_are_closed_and_no_more_than_some_are_kept() {
        let connections = Connections::default();
        for port in 0..=MAX_KEPT as u16 {
            connections.keep(destination(port, b""), port, u64::from(port));
        }
        assert_eq!(connections.count(), MAX_KEPT);
        assert_eq!(connections.take(&destination(0, b"")), None, "the oldest one gave way");
        connections.close_old(KEPT_NS + 9);
        assert_eq!(connections.count(), MAX_KEPT - 9);
        connections.close_old(u64::MAX);
        assert_eq!(connections.count(), 0);
    }
}
