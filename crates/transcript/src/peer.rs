//! Which server is judged, and which sections are for it.

/// A server by its own account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// `rustypotato`, `valkey` or `redis`.
    pub name: String,
    /// Its version in numbers, the major one first.
    pub version: Vec<u32>,
}

impl Peer {
    /// This server, of which every section holds.
    pub fn own() -> Self {
        Self { name: OWN.to_owned(), version: Vec::new() }
    }

    /// The server that gave this reply to `INFO server`.
    pub fn from_info(info: &str) -> Option<Self> {
        let field = |name: &str| {
            let version = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("_version:"))?;
            Some(Self { name: name.to_owned(), version: numbers(version) })
        };
        [OWN, "valkey", "redis"].into_iter().find_map(field)
    }

    /// Whether a section with this `@` line is for the server.
    pub fn is_among(&self, peers: &str) -> bool {
        self.name == OWN
            || peers.split(',').any(|peer| {
                let (name, versions) = peer.trim().split_once(' ').unwrap_or((peer.trim(), ""));
                let (first, last) = versions.split_once('-').map_or((versions, None), |(a, b)| (a, Some(b)));
                name == self.name
                    && self.version >= numbers(first)
                    && last.map(numbers).is_none_or(|last| self.version.iter().take(last.len()).le(&last))
            })
    }
}

const OWN: &str = "rustypotato";

fn numbers(version: &str) -> Vec<u32> {
    version.trim().split('.').filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_for_the_peers_it_names_from_their_version_on() {
        let redis = Peer::from_info("# Server\r\nredis_version:8.0.10\r\n").expect("it says who it is");
        assert!(redis.is_among("redis 8.0"));
        assert!(redis.is_among("valkey 9.1, redis 7.4"));
        assert!(!redis.is_among("redis 8.0.11"));
        assert!(!redis.is_among("valkey 7.0"));
        assert!(!redis.is_among("none"));
        assert!(redis.is_among("redis 7.0-8.0"));
        assert!(!redis.is_among("redis 7.0-7.4"));
    }

    #[test]
    fn a_server_that_calls_itself_by_several_names_has_its_own() {
        let info = "# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.0\r\n";
        assert_eq!(Peer::from_info(info), Some(Peer { name: "valkey".to_owned(), version: vec![9, 1, 0] }));
        assert!(Peer::own().is_among("none"));
    }
}
