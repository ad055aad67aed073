//! The promise of client-side caching: when all is delivered, no client holds a value that is not the server's.
//!
//! Model clients keep what they read, as their mode of tracking allows, and forget what they are told to. Commands, letters
//! between workers, time and reading are interleaved at random, and every so often all is delivered and compared.

use std::collections::{BTreeMap, VecDeque};

use resp::{Frame, FrameDecoder};
use stdx::rng::Rng;

use crate::world::{Peer, World};

const STEPS: usize = 30_000;
const KEYS: u64 = 6;

/// A client with a cache.
struct Caching {
    peer: Peer,
    /// Who hears the invalidations.
    ears: usize,
    /// `None`: it does not track.
    mode: Option<Mode>,
    held: BTreeMap<String, Option<Vec<u8>>>,
    /// What the replies to come are good for.
    expected: VecDeque<Expected>,
    decoder: FrameDecoder,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Default { no_loop: bool },
    OptIn,
    OptOut,
    Broadcast { no_loop: bool },
}

enum Expected {
    Read {
        key: String,
        keep: bool,
    },
    /// The cache starts anew.
    NewMode,
    /// It wrote, and is not told so.
    OwnWrite {
        key: String,
    },
    Other,
}

impl Mode {
    fn options(self) -> &'static str {
        match self {
            Self::Default { no_loop: false } => "ON",
            Self::Default { no_loop: true } => "ON NOLOOP",
            Self::OptIn => "ON OPTIN",
            Self::OptOut => "ON OPTOUT",
            Self::Broadcast { no_loop: false } => "ON BCAST PREFIX a PREFIX b",
            Self::Broadcast { no_loop: true } => "ON BCAST PREFIX a PREFIX b NOLOOP",
        }
    }

    /// Whether a key that is read may be kept, with CLIENT CACHING before the command or without.
    fn keeps(self, key: &str, caching: bool) -> bool {
        match self {
            Self::Default { .. } => true,
            Self::OptIn => caching,
            Self::OptOut => !caching,
            Self::Broadcast { .. } => key.starts_with(['a', 'b']),
        }
    }

    fn is_silent(self) -> bool {
        matches!(self, Self::Default { no_loop: true } | Self::Broadcast { no_loop: true })
    }
}

struct Model {
    world: World,
    rng: Rng,
    clients: Vec<Caching>,
}

impl Model {
    fn new(seed: u64, max_keys: &str) -> Self {
        let mut world = World::new(2, &[("tracking-table-max-keys", max_keys)]);
        let clients = (0..5)
            .map(|index| {
                let peer = world.connect(index % 2);
                world.ask(peer, "HELLO 3");
                let decoder = FrameDecoder::default();
                Caching {
                    peer,
                    ears: index,
                    mode: None,
                    held: BTreeMap::new(),
                    expected: VecDeque::new(),
                    decoder,
                }
            })
            .collect();
        Self { world, rng: Rng::from_seed(seed), clients }
    }

    fn key(&mut self) -> String {
        let letter = char::from(b'a' + self.rng.below(3) as u8);
        format!("{letter}{}", self.rng.below(KEYS / 3))
    }

    fn send(&mut self, index: usize, line: &str, expected: Expected) {
        self.world.send(self.clients[index].peer, line);
        self.clients[index].expected.push_back(expected);
    }

    /// The last client only listens.
    fn step(&mut self) {
        let index = self.rng.below(4) as usize;
        let key = self.key();
        let number = self.rng.below(1000);
        match self.rng.below(24) {
            0..9 => self.read_key(index, key),
            9..13 => self.write(index, &key, &format!("SET {key} {number}")),
            13 => self.write(index, &key, &format!("DEL {key}")),
            14 => self.write(index, &key, &format!("SET {key} {number} PX {}", 1 + number)),
            15 => self.write(index, &key, &format!("APPEND {key} x")),
            16 if number < 100 => self.send(index, "FLUSHALL", Expected::Other),
            17 if number < 200 => self.change_mode(index),
            18 if number < 300 => self.world.pass_ms(number),
            19..22 => drop(self.world.open_letters(number as usize % 2)),
            22 => (0..self.clients.len()).for_each(|client| self.listen(client)),
            _ => {}
        }
    }

    fn read_key(&mut self, index: usize, key: String) {
        let mode = self.clients[index].mode;
        let caching = matches!(mode, Some(Mode::OptIn | Mode::OptOut)) && self.rng.below(2) == 0;
        if caching {
            let word = if mode == Some(Mode::OptIn) { "YES" } else { "NO" };
            self.send(index, &format!("CLIENT CACHING {word}"), Expected::Other);
        }
        let keep = mode.is_some_and(|mode| mode.keeps(&key, caching));
        self.send(index, &format!("GET {key}"), Expected::Read { key, keep });
    }

    fn write(&mut self, index: usize, key: &str, line: &str) {
        let silent = self.clients[index].mode.is_some_and(Mode::is_silent);
        let own = Expected::OwnWrite { key: key.to_owned() };
        self.send(index, line, if silent { own } else { Expected::Other });
    }

    fn change_mode(&mut self, index: usize) {
        self.send(index, "CLIENT TRACKING OFF", Expected::NewMode);
        let modes = [
            Mode::Default { no_loop: false },
            Mode::Default { no_loop: true },
            Mode::OptIn,
            Mode::OptOut,
            Mode::Broadcast { no_loop: false },
            Mode::Broadcast { no_loop: true },
        ];
        let mode = modes[self.rng.below(6) as usize];
        // Replies and redirected invalidations arrive over two connections; the last client hears for client 3.
        let redirect = if index == 3 { " REDIRECT 5" } else { "" };
        self.send(index, &format!("CLIENT TRACKING {}{redirect}", mode.options()), Expected::Other);
        self.clients[index].mode = Some(mode);
        self.clients[index].ears = if index == 3 { 4 } else { index };
    }

    /// A client reads what is there.
    fn listen(&mut self, index: usize) {
        let text = self.world.read(self.clients[index].peer).into_bytes();
        let mut rest = text.as_slice();
        while !rest.is_empty() {
            let progress = self.clients[index].decoder.decode(rest).expect("replies are well-formed");
            rest = &rest[progress.consumed..];
            match progress.frame {
                Some(Frame::Push(push)) => self.forget(index, &push),
                Some(reply) => self.clients[index].take(&reply),
                None => {}
            }
        }
    }

    fn forget(&mut self, ears: usize, push: &[Frame]) {
        assert_eq!(push[0].text(), Some("invalidate"));
        for client in self.clients.iter_mut().filter(|client| client.ears == ears) {
            match push[1].elements() {
                None => client.held.clear(),
                Some(keys) => {
                    for key in keys {
                        client.held.remove(key.text().expect("a key"));
                    }
                }
            }
        }
    }

    /// Delivers everything and compares the caches with the data.
    fn compare(&mut self) {
        self.world.pass_ms(2000); // whatever is due has gone
        self.world.settle();
        (0..self.clients.len()).for_each(|client| self.listen(client));
        let judge = self.world.connect(0);
        self.world.ask(judge, "HELLO 3");
        for client in &self.clients {
            assert!(client.expected.is_empty(), "every command is answered");
            for (key, value) in &client.held {
                let text = self.world.ask(judge, &format!("GET {key}"));
                let frame = FrameDecoder::default().decode(text.as_bytes()).expect("a reply").frame;
                let truth = frame.expect("a whole reply").bytes().map(<[u8]>::to_vec);
                assert_eq!(*value, truth, "{key}");
            }
        }
        self.world.hang_up(judge);
    }

    fn run(&mut self) -> usize {
        let mut held = 0;
        for step in 0..STEPS {
            self.step();
            if step % 50 == 49 {
                self.compare();
                held += self.clients.iter().map(|client| client.held.len()).sum::<usize>();
            }
        }
        held
    }
}

impl Caching {
    fn take(&mut self, reply: &Frame) {
        match self.expected.pop_front().expect("a reply answers a command") {
            Expected::Read { key, keep: true } => {
                self.held.insert(key, reply.bytes().map(<[u8]>::to_vec));
            }
            Expected::OwnWrite { key } => {
                self.held.remove(&key);
            }
            Expected::NewMode => self.held.clear(),
            Expected::Read { keep: false, .. } | Expected::Other => {}
        }
    }
}

#[test]
fn no_client_keeps_a_value_that_has_changed() {
    for seed in 0..3 {
        let held = Model::new(seed, "0").run();
        assert!(held > 1000, "the caches were in use: {held}");
    }
}

#[test]
fn no_client_keeps_a_value_that_has_changed_when_few_keys_are_remembered() {
    let held = Model::new(9, "3").run();
    assert!(held > 500, "the caches were in use: {held}");
}
