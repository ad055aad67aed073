//! A running server, judged over its socket.

use std::collections::BTreeMap;
use std::time::Duration;

use client::{Client, Error, Options};
use resp::Protocol;

use crate::judge::{Reply, Stand};
use crate::peer::Peer;

/// How often the server is asked at most whether something has happened that a client of its own cannot see.
const LOOKS: usize = 200;

/// A connection of a transcript.
struct Connected {
    client: Client,
    /// Its number at the server, once it has sent a command without waiting for the reply.
    id: Option<i64>,
}

/// See the module's text.
pub struct Remote {
    options: Options,
    peer: Peer,
    clients: BTreeMap<String, Connected>,
    /// Waits for a while, if that is wanted.
    sleep: Option<fn(Duration)>,
}

impl Remote {
    /// Asks the server who it is. With `sleep`, time that should pass is waited for; without, what follows is left out.
    pub fn new(options: Options, sleep: Option<fn(Duration)>) -> Result<Self, Error> {
        let info = Client::connect(&options)?.command(&["INFO", "server"])?;
        let peer = info
            .text()
            .and_then(Peer::from_info)
            .unwrap_or_else(|| Peer { name: "?".to_owned(), version: vec![] });
        Ok(Self { options, peer, clients: BTreeMap::new(), sleep })
    }

    /// Sends and, if there should be one, waits for the reply.
    fn try_send(&mut self, client: &str, words: &[Vec<u8>], answered: bool) -> Result<Reply, Error> {
        if !self.clients.contains_key(client) {
            let connected = Connected { client: Client::connect(&self.options)?, id: None };
            self.clients.insert(client.to_owned(), connected);
        }
        let Connected { client, id } = self.clients.get_mut(client).expect("it was just connected");
        if !answered && id.is_none() && is_waiting_command(words) {
            *id = client.command(&["CLIENT", "ID"])?.integer();
        }
        client.send(words);
        client.flush()?;
        let reply = if answered { Reply::Frame(client.receive_any()?) } else { Reply::Nothing };
        if let Some(id) = *id {
            wait_until_it_waits(&self.options, id)?;
        }
        Ok(reply)
    }
}

/// Whether a command is one that waits for a key, so that nothing comes before another client has sent something.
fn is_waiting_command(words: &[Vec<u8>]) -> bool {
    let name = words.first().map(|word| word.to_ascii_uppercase()).unwrap_or_default();
    name.starts_with(b"B") || name.starts_with(b"XREAD")
}

/// Looks until a client waits, so that what other clients send next comes behind its command. A client that was answered
/// at once never waits, and a number of looks is enough to see that.
fn wait_until_it_waits(options: &Options, id: i64) -> Result<(), Error> {
    let mut observer = Client::connect(options)?;
    for _ in 0..LOOKS {
        let line = observer.command(&["CLIENT", "LIST", "ID", &id.to_string()])?;
        let is_waiting = line
            .text()
            .and_then(|line| line.split(' ').find_map(|field| field.strip_prefix("flags=")))
            .is_some_and(|flags| flags.contains('b'));
        if is_waiting {
            break;
        }
    }
    Ok(())
}

impl Stand for Remote {
    fn peer(&self) -> &Peer {
        &self.peer
    }

    fn begin(&mut self, protocol: Protocol) {
        self.clients.clear();
        self.options.protocol = protocol;
        self.send("", &[b"FLUSHALL".to_vec()], true);
        // A server hears of the end of the connections before a little later; until then it counts what they have left.
        let list = [b"CLIENT".to_vec(), b"LIST".to_vec()];
        for _ in 0..LOOKS {
            let Reply::Frame(clients) = self.send("", &list, true) else { break };
            if clients.text().is_none_or(|lines| lines.lines().count() <= 1) {
                break;
            }
        }
    }

    fn send(&mut self, client: &str, words: &[Vec<u8>], answered: bool) -> Reply {
        // A client whose connection has ended stays: it is told so again by every further command.
        self.try_send(client, words, answered).unwrap_or(Reply::Closed)
    }

    fn pass(&mut self, milliseconds: u64) -> bool {
        self.sleep.map(|sleep| sleep(Duration::from_millis(milliseconds))).is_some()
    }
}
