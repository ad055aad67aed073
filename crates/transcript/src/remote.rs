//! A running server, judged over its socket.

use std::collections::BTreeMap;
use std::time::Duration;

use client::{Client, Error, Options};
use resp::Protocol;

use crate::judge::{Reply, Stand};
use crate::peer::Peer;

/// See the module's text.
pub struct Remote {
    options: Options,
    peer: Peer,
    clients: BTreeMap<String, Client>,
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
            self.clients.insert(client.to_owned(), Client::connect(&self.options)?);
        }
        let client = self.clients.get_mut(client).expect("it was just connected");
        client.send(words);
        client.flush()?;
        if answered { Ok(Reply::Frame(client.receive_any()?)) } else { Ok(Reply::Nothing) }
    }
}

impl Stand for Remote {
    fn peer(&self) -> &Peer {
        &self.peer
    }

    fn begin(&mut self, protocol: Protocol) {
        self.clients.clear();
        self.options.protocol = protocol;
        self.send("", &[b"FLUSHALL".to_vec()], true);
    }

    fn send(&mut self, client: &str, words: &[Vec<u8>], answered: bool) -> Reply {
        // A client whose connection has ended stays: it is told so again by every further command.
        self.try_send(client, words, answered).unwrap_or(Reply::Closed)
    }

    fn pass(&mut self, milliseconds: u64) -> bool {
        self.sleep.map(|sleep| sleep(Duration::from_millis(milliseconds))).is_some()
    }
}
