//! Transcripts, judged without a socket and with a clock that the transcript turns.
//!
//! What over TCP can only be waited for is exact here: a key is there one millisecond before its time and gone at it.
//! Every transcript is judged with due keys swept as time passes and with none ever swept as well, because no reply may
//! depend on when an expired key is reclaimed.

use std::collections::BTreeMap;

use resp::{Frame, FrameDecoder, Protocol};
use transcript::{Judge, Reply, Stand};

use crate::world::{Peer, World};

/// A connection, seen from the client's side.
struct Side {
    peer: Peer,
    decoder: FrameDecoder,
    /// What came and is not decoded.
    received: Vec<u8>,
    is_closed: bool,
}

/// A node on the stand.
struct InProcess {
    peer: transcript::Peer,
    world: World,
    /// Whether due keys are swept as time passes.
    sweeps: bool,
    protocol: Protocol,
    clients: BTreeMap<String, Side>,
}

impl InProcess {
    /// Lets things happen that a command has caused: letters, and what a client had sent before it had to wait.
    fn settle(&mut self) {
        self.world.settle();
        self.world.turn(0);
        for side in self.clients.values_mut().filter(|side| !side.is_closed) {
            side.received.extend(self.world.read_bytes(side.peer));
        }
        for number in self.world.closed(0) {
            // Numbers of closed connections are given away again.
            let mut sides = self.clients.values_mut().filter(|side| !side.is_closed);
            if let Some(side) = sides.find(|side| side.peer.number == number) {
                side.is_closed = true;
            }
        }
    }

    /// A client's connection, opened if it is new.
    fn connect(&mut self, name: &str) {
        if self.clients.contains_key(name) {
            return;
        }
        let peer = self.world.connect(0);
        let side = Side { peer, decoder: FrameDecoder::default(), received: Vec::new(), is_closed: false };
        self.clients.insert(name.to_owned(), side);
        if self.protocol == Protocol::Resp3 {
            self.send(name, &[b"HELLO".to_vec(), b"3".to_vec()], true);
        }
    }
}

impl Stand for InProcess {
    fn peer(&self) -> &transcript::Peer {
        &self.peer
    }

    fn begin(&mut self, protocol: Protocol) {
        for side in std::mem::take(&mut self.clients).into_values().filter(|side| !side.is_closed) {
            self.world.hang_up(side.peer);
        }
        self.protocol = protocol;
        self.send("", &[b"FLUSHALL".to_vec()], true);
        let active = if self.sweeps { "1" } else { "0" };
        let reply = self.send("", &["DEBUG", "SET-ACTIVE-EXPIRE", active].map(Vec::from), true);
        assert_eq!(reply, Reply::Frame(Frame::Simple(b"OK".to_vec())), "the sweep can be switched");
    }

    fn send(&mut self, client: &str, words: &[Vec<u8>], _: bool) -> Reply {
        self.connect(client);
        let side = &self.clients[client];
        if !side.is_closed {
            let mut request = Vec::new();
            resp::write_command(&mut request, words);
            self.world.send_bytes(side.peer, &request);
        }
        self.settle();
        let side = self.clients.get_mut(client).expect("it is connected");
        let progress = side.decoder.decode(&side.received).expect("replies are well formed");
        side.received.drain(..progress.consumed);
        match progress.frame {
            Some(frame) => Reply::Frame(frame),
            None if side.is_closed => Reply::Closed,
            None => Reply::Nothing,
        }
    }

    fn pass(&mut self, milliseconds: u64) -> bool {
        self.world.pass_ms(milliseconds);
        self.settle();
        true
    }
}

/// Judges a node by every transcript and fails with all that differs.
fn check(protocol: Protocol, sweeps: bool) {
    let mut stand = InProcess {
        peer: transcript::Peer::own(),
        world: World::new(1, &[]),
        sweeps,
        protocol,
        clients: BTreeMap::new(),
    };
    let (mut wrong, mut judged) = (Vec::new(), 0);
    for (name, transcript) in transcript::all() {
        let verdict = Judge { protocol }.judge(&transcript, &mut stand);
        judged += verdict.judged;
        wrong.extend(verdict.differences.iter().map(|difference| format!("{name}: {difference}")));
    }
    assert!(wrong.is_empty(), "{} of {judged} replies differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_node_replies_as_written() {
    check(Protocol::Resp2, true);
}

#[test]
fn the_node_replies_as_written_in_the_newer_protocol() {
    check(Protocol::Resp3, true);
}

#[test]
fn no_reply_depends_on_whether_expired_keys_have_been_swept() {
    check(Protocol::Resp2, false);
}
