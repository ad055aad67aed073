//! A server that lives as a test wants: one worker, and a persistence thread that has its turn when it is told.
//!
//! Only one of the two runs at a time. While the persistence thread waits for a sync, the world may go on with the script: then
//! requests are executed, written and perhaps acknowledged while the disk is busy, as in a real server.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use config::{Config, Param};
use disk::{Call, Double, Fault};
use node::{Input, Worker};
use parking_lot::Mutex;
use resp::write_command;
use stdx::rng::Rng;

use super::plant::{Fingerprint, Plant};
use super::script::Step;
use crate::clock::{self, hand::Hand};
use crate::persistence::Persistence;
use crate::saver;
use crate::shared::Letter;

/// Clients that ask in turn.
const CLIENTS: usize = 8;
/// How long a test waits for a thread that has its turn.
const PATIENCE: Duration = Duration::from_mins(1);
/// What `everysec` allows to be lost.
const SECOND_NS: u64 = 1_000_000_000;

/// What happened in a world: all that a start is judged by.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// The data at first and after each request.
    pub(super) states: Vec<Fingerprint>,
    /// Requests whose effects the append-only file has to keep: when they were acknowledged, and the number of the state.
    acknowledged: Vec<(u64, usize)>,
    /// The same of those that were acknowledged while there was no complete file.
    unprotected: Vec<(u64, usize)>,
    /// The state that the last snapshot holds.
    snapshot: usize,
    /// How many requests were answered with errors.
    pub(super) refused: usize,
    /// Requests that have not been answered.
    pub(super) unanswered: usize,
}

/// What the server promises to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promise {
    /// All that was acknowledged.
    All,
    /// All that was acknowledged more than a second before a moment.
    Second(u64),
}

impl Record {
    /// Nothing has happened yet.
    pub(super) fn new(state: Fingerprint) -> Self {
        Self { states: vec![state], ..Self::default() }
    }

    /// The first of the states that a start with the append-only file may find.
    pub(super) fn least(&self, promise: Promise) -> usize {
        let counts = |at: u64| match promise {
            Promise::All => true,
            Promise::Second(now) => at + SECOND_NS < now,
        };
        self.acknowledged.iter().filter(|(at, _)| counts(*at)).map(|(_, state)| *state).max().unwrap_or(0)
    }

    /// When something was acknowledged for the last time.
    pub(super) fn last_ns(&self) -> u64 {
        self.acknowledged.iter().map(|(at, _)| *at).max().unwrap_or(0)
    }

    /// The first of the states that a start with the snapshot may find.
    pub(super) fn least_of_snapshot(&self) -> usize {
        self.snapshot
    }

    /// The last state.
    pub(super) fn last(&self) -> usize {
        self.states.len() - 1
    }
}

/// A client, and the state behind the request that it waits for.
struct Peer {
    number: usize,
    waits: Option<(usize, Kind)>,
}

/// What a request means for what is promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    SwitchOff,
    Save,
    Other,
}

/// What the persistence thread is told.
enum Order {
    Turn,
    Finish,
}

/// What the persistence thread tells.
enum Event {
    /// It waits for the disk.
    Syncs,
    /// Its turn is over; the next one is due at this time.
    Rests(u64),
    /// The server has ended: whether everything is on disk.
    Ends(Result<(), String>),
}

/// See the module's text.
pub(super) struct World<'s> {
    plant: &'s Plant,
    disk: Double,
    hand: Hand,
    rng: Rng,
    worker: Worker<'s>,
    peers: Vec<Peer>,
    script: VecDeque<Step>,
    orders: Sender<Order>,
    events: Receiver<Event>,
    goes_on: Sender<()>,
    next_turn_ns: u64,
    /// Whether the append-only file holds everything, as the server believes.
    is_whole: bool,
    /// Whatever the saver appends fails, and nothing else.
    pub(super) saver_fault: Option<Fault>,
    /// A save in the background: its state, and how many saves had ended before.
    saving: Option<(usize, u64)>,
    pub(super) record: Record,
}

/// How long the disk takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Speed {
    /// Milliseconds that a sync takes at most.
    pub(super) max_sync_ms: u64,
}

/// Has a server live by a script, on a disk whose calls take time; `body` decides how it goes on and ends.
pub(super) fn live<T>(
    plant: &Plant,
    disk: &Double,
    hand: &Hand,
    (script, seed, speed): (&[Step], u64, Speed),
    body: impl FnOnce(&mut World<'_>) -> T,
) -> T {
    let (orders, to_do) = mpsc::channel();
    let (tell, events) = mpsc::channel();
    let (goes_on, go) = mpsc::channel();
    thread::scope(|scope| {
        let persistence = thread::Builder::new().name("laboratory".to_owned());
        let (own, told) = (hand.clone(), tell.clone());
        let (node, machine) = (&*plant.node, Arc::clone(&plant.machine));
        let body_of_thread = move || persist(Persistence::new(node, machine), &own, &to_do, &told);
        let thread = persistence.spawn_scoped(scope, body_of_thread);
        let thread = thread.expect("a test can have a thread").thread().id();
        watch(disk, hand.clone(), seed, speed, (thread, tell, go));
        let mut worker = Worker::new(&plant.node, 0, 1);
        let now = clock::now();
        let peers = (0..CLIENTS)
            .map(|_| Peer { number: worker.open(now, "client", "server", true), waits: None })
            .collect();
        let is_whole = plant.machine.journal.is_on();
        let mut world = World {
            plant,
            disk: disk.clone(),
            hand: hand.clone(),
            rng: Rng::from_seed(seed),
            worker,
            peers,
            script: script.iter().cloned().collect(),
            orders,
            events,
            goes_on,
            next_turn_ns: 0,
            is_whole,
            saver_fault: None,
            saving: None,
            record: Record::new(plant.fingerprint()),
        };
        let result = body(&mut world);
        // Nobody is left to let a sync go on.
        disk.watch(|_| ());
        result
    })
}

/// The body of the persistence thread.
fn persist(mut persistence: Persistence<'_>, hand: &Hand, to_do: &Receiver<Order>, tell: &Sender<Event>) {
    hand.take();
    while let Ok(order) = to_do.recv() {
        let event = match order {
            Order::Turn => {
                persistence.turn();
                Event::Rests(persistence.next_turn_ns())
            }
            Order::Finish => Event::Ends(persistence.finish()),
        };
        // If the world has ended, so does this.
        let _ = tell.send(event);
    }
}

/// Has the calls of a disk take time, and the world go on while the persistence thread waits for a sync.
fn watch(
    disk: &Double,
    hand: Hand,
    seed: u64,
    speed: Speed,
    (thread, tell, go): (thread::ThreadId, Sender<Event>, Receiver<()>),
) {
    let (rng, go) = (Mutex::new(Rng::from_seed(seed)), Mutex::new(go));
    disk.watch(move |call| {
        let is_sync = matches!(call, Call::Sync | Call::SyncFolder);
        let most_ns = if is_sync { speed.max_sync_ms * 1_000_000 } else { 20_000 };
        hand.turn(rng.lock().below(most_ns));
        if is_sync && thread::current().id() == thread && tell.send(Event::Syncs).is_ok() {
            // If the world has ended, nobody waits any more.
            let _ = go.lock().recv();
        }
    });
}

impl World<'_> {
    /// Does all that the script says, unless the power goes.
    pub(super) fn run(&mut self) {
        self.run_some(usize::MAX);
    }

    /// Does so many steps of the script, unless the power goes.
    pub(super) fn run_some(&mut self, steps: usize) {
        for _ in 0..steps {
            let Some(step) = self.script.pop_front() else { return };
            if self.disk.is_off() {
                return;
            }
            match step {
                Step::Ask(requests) => {
                    self.ask(&requests);
                    if self.rng.below(2) == 0 {
                        self.turn();
                    }
                }
                Step::Turn => self.turn(),
                Step::Saver => self.save(),
                Step::Pass(time_ms) => self.pass(time_ms),
            }
        }
    }

    /// So much time passes, and whatever is due is done.
    pub(super) fn pass(&mut self, time_ms: u64) {
        let until = self.hand.now_ns() + time_ms * 1_000_000;
        let mut turns = 0;
        while self.hand.now_ns() < until && !self.disk.is_off() {
            let now = self.hand.now_ns();
            let next = self.next_turn_ns.clamp(now, until);
            self.hand.turn((next - now).max(100_000));
            self.turn();
            self.save();
            turns += 1;
            assert!(turns < 100 + 10 * time_ms, "the persistence thread does not rest");
        }
    }

    /// The persistence thread has its turn.
    pub(super) fn turn(&mut self) {
        if let Event::Rests(next_ns) = self.order(Order::Turn, true) {
            self.next_turn_ns = next_ns;
        }
        self.look();
    }

    /// The server ends in order, with no more requests. `Err`: it says that not everything is on disk.
    pub(super) fn finish(&mut self) -> Result<(), String> {
        match self.order(Order::Finish, false) {
            Event::Ends(result) => result,
            Event::Syncs | Event::Rests(_) => unreachable!("it was to end"),
        }
    }

    /// The persistence thread does something; while it waits for the disk, requests may go on.
    fn order(&mut self, order: Order, goes_on: bool) -> Event {
        self.orders.send(order).expect("the persistence thread waits for an order");
        loop {
            match self.events.recv_timeout(PATIENCE).expect("a turn comes to an end") {
                Event::Syncs => {
                    if goes_on {
                        self.go_on_meanwhile();
                    }
                    self.goes_on.send(()).expect("the persistence thread waits");
                }
                event => return event,
            }
        }
    }

    /// Requests while the persistence thread waits for the disk.
    fn go_on_meanwhile(&mut self) {
        while !self.disk.is_off() && self.rng.below(3) == 0 {
            let Some(Step::Ask(requests)) = self.script.front().cloned() else { return };
            self.script.pop_front();
            self.ask(&requests);
        }
    }

    /// The saver does what it has to.
    fn save(&mut self) {
        while let Ok(job) = self.plant.jobs.try_recv() {
            // Nobody else has a turn meanwhile.
            if let Some(fault) = self.saver_fault {
                self.disk.spoil(Call::Append, fault);
            }
            saver::perform(&self.plant.machine, job);
            if self.saver_fault.is_some() {
                self.disk.heal();
            }
        }
        self.look();
    }

    /// A client that waits for nothing sends requests; if all wait, nobody does.
    pub(super) fn ask(&mut self, requests: &[Vec<String>]) {
        let free = self.peers.iter().position(|peer| peer.waits.is_none());
        let Some(free) = free else { return };
        let mut bytes = Vec::new();
        for request in requests {
            write_command(&mut bytes, request);
        }
        let now = clock::now();
        let input = Input { connection: self.peers[free].number, range: 0..bytes.len() };
        self.worker.execute(now, &bytes, &[input], &mut |_| clock::now());
        self.record.states.push(self.plant.fingerprint());
        let state = self.record.last();
        let kind = kind(&requests[0]);
        if requests[0][0] == "BGSAVE" {
            self.saving = Some((state, self.saves()));
        }
        self.peers[free].waits = Some((state, kind));
        self.look();
    }

    fn saves(&self) -> u64 {
        self.plant.machine.progress.figures(0).saves
    }

    /// What has happened: letters, replies, files.
    fn look(&mut self) {
        if self.disk.is_off() {
            return;
        }
        let (now, mut letters) = (clock::now(), Vec::new());
        self.plant.mailbox.take(&mut letters);
        for letter in letters {
            if let Letter::Node(mail) = letter {
                self.worker.receive(now, mail);
            }
        }
        while self.worker.next_resumed().is_some() {}
        self.worker.tick(now);
        self.look_at_files();
        for peer in 0..self.peers.len() {
            if let Some((state, kind)) = self.peers[peer].waits
                && let Some(reply) = self.reply(peer)
            {
                self.peers[peer].waits = None;
                self.note(state, kind, &reply);
            }
        }
        self.record.unanswered = self.peers.iter().filter(|peer| peer.waits.is_some()).count();
    }

    /// What a client has been answered, if it has.
    fn reply(&mut self, peer: usize) -> Option<Vec<u8>> {
        let number = self.peers[peer].number;
        let output = self.worker.output(number);
        if output.held().is_some() || output.is_empty() {
            return None;
        }
        let mut bytes = Vec::new();
        while !output.is_empty() {
            output.advance();
            bytes.extend_from_slice(output.bytes());
            output.consume(output.bytes().len());
        }
        self.worker.written(number);
        Some(bytes)
    }

    /// A request has been answered.
    fn note(&mut self, state: usize, kind: Kind, reply: &[u8]) {
        if reply.starts_with(b"-") || reply.windows(3).any(|bytes| bytes == b"\r\n-") {
            self.record.refused += 1;
            return;
        }
        match kind {
            Kind::Save => self.record.snapshot = self.record.snapshot.max(state),
            // What the file holds stays in force.
            Kind::SwitchOff => self.is_whole = false,
            Kind::Other => {}
        }
        // What changes nothing need not wait while the file cannot be written.
        if self.record.states[state] == self.record.states[state - 1] {
            return;
        }
        let list = if self.is_whole { &mut self.record.acknowledged } else { &mut self.record.unprotected };
        list.push((self.hand.now_ns(), state));
    }

    fn look_at_files(&mut self) {
        let machine = &self.plant.machine;
        let figures = machine.progress.figures(0);
        let is_wanted = self.plant.node.shared.config.read().yes(Param::Appendonly);
        let journal = &machine.journal;
        let has_caught_up = journal.is_on()
            && !journal.figures().has_trouble
            && journal.released() >= self.plant.node.shared.keyspace.position();
        if !self.is_whole && is_wanted && machine.progress.is_whole() && has_caught_up {
            self.is_whole = true;
            // From now on it is as if they had just been acknowledged.
            let now = self.hand.now_ns();
            let unprotected = std::mem::take(&mut self.record.unprotected);
            self.record.acknowledged.extend(unprotected.into_iter().map(|(_, state)| (now, state)));
        }
        if let Some((state, before)) = self.saving
            && figures.saves > before
        {
            self.saving = None;
            self.record.snapshot = self.record.snapshot.max(state);
        }
    }
}

fn kind(request: &[String]) -> Kind {
    let words: Vec<&str> = request.iter().map(String::as_str).collect();
    match words[..] {
        ["CONFIG", "SET", "appendonly", "no"] => Kind::SwitchOff,
        ["SAVE"] => Kind::Save,
        _ => Kind::Other,
    }
}

/// What a start finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// The data after a request.
    State(usize),
    /// Nothing: the server refuses to start.
    Refusal(String),
}

/// Starts a server and compares what it finds. `Err`: what nobody wrote, or less than was promised.
pub(super) fn start(disk: &Double, config: Config, record: &Record, least: usize) -> Result<Found, String> {
    let plant = match Plant::start(disk, config) {
        Ok(plant) => plant,
        Err(reason) => return Ok(Found::Refusal(reason)),
    };
    let found = plant.fingerprint();
    match record.states.iter().rposition(|&state| state == found) {
        None => Err("the data is that of no moment".to_owned()),
        Some(state) if state < least => Err(format!("the data is that after {state} requests, not {least}")),
        Some(state) => Ok(Found::State(state)),
    }
}
