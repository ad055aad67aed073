//! Where a node of a cluster sends a client whose key it does not have.
//!
//! ```text
//! MOVED 3999 127.0.0.1:6381   that node has the slot from now on
//! ASK 3999 127.0.0.1:6381     that node has this key already, and must be asked with ASKING before the command
//! ```
//! An address without a host means the host that has answered.

use client::Address;

/// Where to go.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Redirect {
    /// The node.
    pub(crate) address: Address,
    /// Whether it must be told that the command was sent there for this once.
    pub(crate) asks: bool,
    /// What a person is told.
    pub(crate) notice: String,
}

impl Redirect {
    /// What an error says, if it says where to go; `from` is the server that it came from.
    pub(crate) fn parse(error: &[u8], from: &Address) -> Option<Self> {
        let words: Vec<&str> = std::str::from_utf8(error).ok()?.split(' ').collect();
        let [kind @ ("MOVED" | "ASK"), slot, place] = words[..] else { return None };
        let slot: u16 = slot.parse().ok()?;
        let (host, port) = place.rsplit_once(':')?;
        let host = match (host, from) {
            ("", Address::Tcp { host, .. }) => host,
            // It is not known, or has none that could be meant.
            ("" | "?", _) => return None,
            (host, _) => host,
        };
        let address = Address::Tcp { host: host.to_owned(), port: port.parse().ok()? };
        let notice = format!("-> Redirected to slot [{slot}] located at {host}:{port}");
        Some(Self { address, asks: kind == "ASK", notice })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_tell_where_to_go_or_nothing() {
        let from = Address::Tcp { host: "here".to_owned(), port: 1 };
        let parse = |text: &str| Redirect::parse(text.as_bytes(), &from);
        let to = |host: &str, port| Address::Tcp { host: host.to_owned(), port };
        let moved = parse("MOVED 3999 127.0.0.1:6381").expect("it tells");
        assert_eq!((moved.address, moved.asks), (to("127.0.0.1", 6381), false));
        assert_eq!(moved.notice, "-> Redirected to slot [3999] located at 127.0.0.1:6381");
        let asked = parse("ASK 12182 ::1:7000").expect("it tells");
        assert_eq!((asked.address, asked.asks), (to("::1", 7000), true));
        assert_eq!(parse("MOVED 1 :7").expect("it tells").address, to("here", 7));
        for other in [
            "ERR MOVED 1 a:1",
            "MOVED",
            "MOVED 1 a",
            "MOVED x a:1",
            "MOVED 1 ?:1",
            "ASK 1 a:70000",
            "ASK 1 a:1 b",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
        let unix = Address::Unix("/socket".into());
        assert_eq!(Redirect::parse(b"MOVED 1 :7", &unix), None);
    }
}
