//! A worker with its clients. It has its turn when it is told, and opens its letters only then, as in a server.

use std::sync::Arc;

use node::{Input, Mailbox, Worker};
use resp::write_command;

use super::plant::Plant;
use crate::clock;
use crate::shared::Letter;

/// Clients of a worker that ask in turn.
const CLIENTS: usize = 8;

/// Requests that are sent in one piece.
pub(super) type Requests = [Vec<String>];

/// See the module's text.
pub(super) struct Lane<'s> {
    worker: Worker<'s>,
    mailbox: Arc<Mailbox<Letter>>,
    peers: Vec<Peer>,
}

/// A client, and what it waits for.
struct Peer {
    number: usize,
    waits: Option<Awaited>,
}

/// A request that has been executed, and not been answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Awaited {
    /// The state behind it.
    pub(super) state: usize,
    /// What it means.
    pub(super) kind: Kind,
}

/// What a request means for what is promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The append-only file is not wanted any more.
    SwitchOff,
    /// The data is saved.
    Save,
    /// It asks for what others do later.
    Order,
    /// Anything else.
    Other,
}

/// What a request means.
pub(super) fn kind(request: &[String]) -> Kind {
    let words: Vec<&str> = request.iter().map(String::as_str).collect();
    match words[..] {
        ["CONFIG", "SET", "appendonly", "no"] => Kind::SwitchOff,
        ["SAVE"] => Kind::Save,
        ["CONFIG" | "BGSAVE" | "BGREWRITEAOF" | "BACKUP", ..] => Kind::Order,
        _ => Kind::Other,
    }
}

impl<'s> Lane<'s> {
    /// A worker of a plant.
    pub(super) fn new(plant: &'s Plant, index: usize) -> Self {
        let mut worker = Worker::new(&plant.node, index, 1 + index as u64);
        let now = clock::now();
        let peers = (0..CLIENTS)
            .map(|_| Peer { number: worker.open(now, "client", "server", true), waits: None })
            .collect();
        Self { worker, mailbox: Arc::clone(&plant.mailboxes[index]), peers }
    }

    /// How many clients wait for nothing.
    pub(super) fn free(&self) -> usize {
        self.peers.iter().filter(|peer| peer.waits.is_none()).count()
    }

    /// How many clients wait.
    pub(super) fn waiting(&self) -> usize {
        self.peers.len() - self.free()
    }

    /// Clients that wait for nothing send requests, each some in one piece, and the worker executes them in one turn. They lead to a
    /// state.
    pub(super) fn ask(&mut self, pieces: &[&Requests], state: usize) {
        let (mut bytes, mut inputs) = (Vec::new(), Vec::new());
        let free = self.peers.iter_mut().filter(|peer| peer.waits.is_none());
        for (peer, requests) in free.zip(pieces) {
            let start = bytes.len();
            for request in *requests {
                write_command(&mut bytes, request);
            }
            inputs.push(Input { connection: peer.number, range: start..bytes.len() });
            peer.waits = Some(Awaited { state, kind: kind(&requests[0]) });
        }
        assert_eq!(inputs.len(), pieces.len(), "somebody is free");
        self.worker.execute(clock::now(), &bytes, &inputs, &mut |_| clock::now());
    }

    /// The worker opens its letters; what clients have been answered, and what they had waited for.
    pub(super) fn look(&mut self) -> Vec<(Awaited, Vec<u8>)> {
        let (now, mut letters) = (clock::now(), Vec::new());
        self.mailbox.take(&mut letters);
        for letter in letters {
            if let Letter::Node(mail) = letter {
                self.worker.receive(now, mail);
            }
        }
        while self.worker.next_resumed().is_some() {}
        self.worker.tick(now);
        let mut answered = Vec::new();
        for peer in &mut self.peers {
            if let Some(awaited) = peer.waits
                && let Some(reply) = reply(&mut self.worker, peer.number)
            {
                peer.waits = None;
                answered.push((awaited, reply));
            }
        }
        answered
    }
}

/// What a client has been answered, if it has.
fn reply(worker: &mut Worker<'_>, number: usize) -> Option<Vec<u8>> {
    let output = worker.output(number);
    if output.held().is_some() || output.is_empty() {
        return None;
    }
    let mut bytes = Vec::new();
    while !output.is_empty() {
        output.advance();
        bytes.extend_from_slice(output.bytes());
        output.consume(output.bytes().len());
    }
    worker.written(number);
    Some(bytes)
}
