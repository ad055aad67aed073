//! A node with some workers and a fake machine. Letters wait in boxes until a test lets the workers open them, so a test
//! decides in which order things happen.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use acl::Users;
use config::{Config, Param};
use engine::accounts::setting;
use engine::errand::{Ended, Errand};
use engine::migration::{Arrival, Migration};
use engine::table::Names;
use engine::tracking::Place;
use node::{Identity, Input, Machine, Mail, Node, Now, Settings, Worker};
use stdx::time::UnixMs;

use crate::machine::FakeMachine;

/// The wall clock at the beginning of every test.
const START_MS: i64 = 1_700_000_000_000;

/// A connection: its worker and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    worker: usize,
    pub(crate) number: usize,
}

/// See the module's text.
pub(crate) struct World {
    machine: Arc<FakeMachine>,
    node: &'static Node,
    workers: Vec<Worker<'static>>,
    now: Now,
}

/// The clock by which commands are timed; every reading is a microsecond later, or more on a slow machine.
fn ticking_clock() -> u64 {
    CLOCK_NS.replace(CLOCK_NS.get() + TICK_NS.get())
}

// Each test has a thread, and so a clock of its own.
thread_local! {
    static CLOCK_NS: Cell<u64> = const { Cell::new(0) };
    static TICK_NS: Cell<u64> = const { Cell::new(1000) };
}

/// From now on the test runs on a machine so slow that one step of a computation is all that a turn has time for.
pub(crate) fn slow_down() {
    TICK_NS.set(1_000_000);
}

/// The defaults, but for DEBUG and MODULE, which are allowed, and these parameters.
fn config_of(parameters: &[(&str, &str)]) -> Config {
    let mut config = Config::default();
    for parameter in [Param::EnableDebugCommand, Param::EnableModuleCommand] {
        config.assign(parameter, &[b"yes"]).expect("DEBUG and MODULE can be allowed");
    }
    for (name, value) in [("appendonly", "no")].iter().chain(parameters) {
        config.set(name, value.as_bytes()).expect("a test gives legal values");
    }
    config
}

impl World {
    /// A node with `threads` workers; parameters differ from the defaults as given.
    pub(crate) fn new(threads: usize, parameters: &[(&str, &str)]) -> Self {
        Self::with_config(threads, config_of(parameters))
    }

    fn with_config(threads: usize, config: Config) -> Self {
        let identity = Identity {
            run_id: "0".repeat(40),
            started: UnixMs(START_MS),
            process_id: 1,
            threads,
            ..Identity::default()
        };
        let machine = Arc::new(FakeMachine::default());
        machine.boxes.lock().resize_with(threads, Vec::new);
        let mut users = Users::new(setting(false));
        users.set_default_password(config.text(Param::Requirepass));
        let settings = Settings {
            config,
            names: Names::default(),
            users,
            identity,
            loaders: threads,
            seed: 7,
            clock: ticking_clock,
        };
        // Workers borrow the node; a test's node lives as long as the test's process.
        let node: &'static Node =
            Box::leak(Box::new(Node::new(settings, Arc::clone(&machine) as Arc<dyn Machine>)));
        let workers = (0..threads).map(|index| Worker::new(node, index, index as u64)).collect();
        Self { machine, node, workers, now: Now { unix: UnixMs(START_MS), monotonic_ns: 0 } }
    }

    /// A node of one worker, whose memory is that of its data and some more.
    pub(crate) fn with_counted_data(parameters: &[(&str, &str)]) -> Self {
        let world = Self::new(1, parameters);
        assert!(world.machine.data.set(Arc::clone(&world.node.shared)).is_ok(), "it is set once");
        world
    }

    /// A node of two workers with an ACL file.
    pub(crate) fn with_acl_file(content: &str) -> Self {
        let mut config = config_of(&[]);
        config.assign(Param::Aclfile, &[b"/users.acl"]).expect("a path");
        let world = Self::with_config(2, config);
        world.set_acl_file(content);
        world
    }

    /// Somebody writes the ACL file.
    pub(crate) fn set_acl_file(&self, content: &str) {
        *self.machine.acl_file.lock() = Some(content.into());
    }

    /// What the ACL file holds.
    pub(crate) fn acl_file(&self) -> String {
        String::from_utf8_lossy(self.machine.acl_file.lock().as_deref().unwrap_or_default()).into_owned()
    }

    /// A new connection to a worker.
    pub(crate) fn connect(&mut self, worker: usize) -> Peer {
        let number = self.workers[worker].open(self.now, "127.0.0.1:1000", "127.0.0.1:6379", false);
        Peer { worker, number }
    }

    /// What all workers share.
    pub(crate) fn node(&self) -> &'static Node {
        self.node
    }

    /// A worker, and the time.
    pub(crate) fn worker(&mut self, index: usize) -> (&mut Worker<'static>, Now) {
        (&mut self.workers[index], self.now)
    }

    /// So much of the allocator's memory lies waste, which the node learns.
    pub(crate) fn waste(&self, bytes: usize) {
        self.machine.waste.store(bytes, Ordering::Relaxed);
        self.node.look_at_memory();
    }

    /// Turns the clock, and lets every worker do what is due.
    pub(crate) fn pass_ms(&mut self, milliseconds: u64) {
        self.now.unix = UnixMs(self.now.unix.0 + milliseconds as i64);
        self.now.monotonic_ns += milliseconds * 1_000_000;
        for worker in &mut self.workers {
            worker.tick(self.now);
        }
    }

    /// Turns the clock while a worker is at work, for which it holds so many bytes: the others do what is due meanwhile, it does
    /// so at the end of its work.
    pub(crate) fn pass_ms_at_work(&mut self, milliseconds: u64, busy: usize, bytes: usize) {
        self.now.unix = UnixMs(self.now.unix.0 + milliseconds as i64);
        self.now.monotonic_ns += milliseconds * 1_000_000;
        self.workers[busy].begin_turn();
        self.machine.held_at_work.store(bytes, Ordering::Relaxed);
        for (_, worker) in self.workers.iter_mut().enumerate().filter(|(index, _)| *index != busy) {
            worker.tick(self.now);
        }
        self.machine.held_at_work.store(0, Ordering::Relaxed);
        self.workers[busy].tick(self.now);
        self.workers[busy].end_turn();
    }

    /// Milliseconds that a worker would wait if nothing came.
    pub(crate) fn idle_ms(&self, worker: usize) -> u64 {
        self.workers[worker].idle_ns(self.now) / 1_000_000
    }

    /// A connection sends a line, which its worker runs. Nothing is read from it.
    pub(crate) fn send(&mut self, peer: Peer, line: &str) {
        self.send_bytes(peer, format!("{line}\r\n").as_bytes());
    }

    /// Connections of one worker send a line each, which it runs in one turn.
    pub(crate) fn send_together(&mut self, lines: &[(Peer, &str)]) {
        let (mut bytes, mut inputs) = (Vec::new(), Vec::new());
        for (peer, line) in lines {
            let begin = bytes.len();
            bytes.extend_from_slice(format!("{line}\r\n").as_bytes());
            inputs.push(Input { connection: peer.number, range: begin..bytes.len() });
        }
        let now = self.now;
        self.workers[lines[0].0.worker].execute(now, &bytes, &inputs, &mut |_| now);
    }

    /// A connection sends bytes, and its worker runs what they complete.
    pub(crate) fn send_bytes(&mut self, peer: Peer, bytes: &[u8]) {
        let worker = &mut self.workers[peer.worker];
        let range = match worker.unfinished_input(peer.number) {
            Some(half) => {
                half.room(bytes.len()).0.extend_from_slice(bytes);
                0..0
            }
            None => 0..bytes.len(),
        };
        let now = self.now;
        worker.execute(now, bytes, &[Input { connection: peer.number, range }], &mut |_| now);
    }

    /// A worker's turn in which no connection sends anything; those whose input waited go on.
    pub(crate) fn turn(&mut self, worker: usize) {
        let inputs = std::mem::take(self.workers[worker].inputs());
        let now = self.now;
        self.workers[worker].execute(now, &[], &inputs, &mut |_| now);
    }

    /// Everything that a connection may read, which it reads.
    pub(crate) fn read(&mut self, peer: Peer) -> String {
        String::from_utf8_lossy(&self.read_bytes(peer)).into_owned()
    }

    /// The same as it is.
    pub(crate) fn read_bytes(&mut self, peer: Peer) -> Vec<u8> {
        let worker = &mut self.workers[peer.worker];
        let output = worker.output(peer.number);
        let mut bytes = Vec::new();
        if output.held().is_some() {
            return bytes; // nothing is sent before it is released
        }
        while !output.is_empty() {
            output.advance();
            bytes.extend_from_slice(output.bytes());
            output.consume(output.bytes().len());
        }
        worker.written(peer.number);
        bytes
    }

    /// Whether a worker has a result in the making.
    pub(crate) fn is_computing(&self, worker: usize) -> bool {
        self.workers[worker].is_computing()
    }

    /// Lets a worker take one step of what it computes.
    pub(crate) fn step(&mut self, worker: usize) {
        self.workers[worker].tick(self.now);
    }

    /// Lets a worker compute until it is done, and serve those who have waited for that.
    pub(crate) fn compute(&mut self, worker: usize) {
        while self.is_computing(worker) {
            self.step(worker);
            self.turn(worker);
        }
    }

    /// Sends a line and reads what is there then, while others' results are in the making.
    pub(crate) fn ask_only(&mut self, peer: Peer, line: &str) -> String {
        self.send(peer, line);
        self.read(peer)
    }

    /// Sends a line, lets the worker do what it asks for, and reads what is there then.
    pub(crate) fn ask(&mut self, peer: Peer, line: &str) -> String {
        self.send(peer, line);
        self.compute(peer.worker);
        self.read(peer)
    }

    /// Lets a worker open its letters; true if there were any.
    pub(crate) fn open_letters(&mut self, worker: usize) -> bool {
        let letters = std::mem::take(&mut self.machine.boxes.lock()[worker]);
        let found = !letters.is_empty();
        for letter in letters {
            self.workers[worker].receive(self.now, letter);
        }
        found
    }

    /// Lets all workers open letters until there are none.
    pub(crate) fn settle(&mut self) {
        while (0..self.workers.len()).any(|worker| self.open_letters(worker)) {}
    }

    /// Lets connections go on whose input waited.
    pub(crate) fn resume(&mut self, worker: usize) {
        let inputs = std::mem::take(self.workers[worker].inputs());
        let now = self.now;
        self.workers[worker].execute(now, &[], &inputs, &mut |_| now);
    }

    /// The peer ends its connection.
    pub(crate) fn hang_up(&mut self, peer: Peer) {
        self.workers[peer.worker].peer_closed(peer.number);
        self.closed(peer.worker);
    }

    /// The numbers of a worker's connections that are to be closed; they are.
    pub(crate) fn closed(&mut self, worker: usize) -> Vec<usize> {
        let mut closed = Vec::new();
        while let Some(number) = self.workers[worker].next_finished() {
            self.workers[worker].close(number);
            closed.push(number);
        }
        closed
    }

    /// Drops what nobody can reach any more.
    pub(crate) fn bury(&mut self) {
        self.machine.dead.lock().clear();
    }

    /// Everything that is done from now on is recorded, for [`World::take_log`].
    pub(crate) fn record(&mut self) {
        self.node.shared.keyspace.set_recording(true);
    }

    /// The commands that have the effects recorded since the last call; all are about database 0.
    pub(crate) fn take_log(&mut self) -> Vec<u8> {
        let mut run = keyspace::log::Run::default();
        self.node.shared.keyspace.log().take(&mut run);
        run.bytes
    }

    /// Lets a connection be sent one slice of what it is owed, which may be nothing yet; none: it is owed nothing.
    pub(crate) fn read_slice(&mut self, peer: Peer) -> Option<Vec<u8>> {
        let output = self.workers[peer.worker].output(peer.number);
        if output.is_empty() {
            return None;
        }
        output.advance();
        let bytes = output.bytes().to_vec();
        output.consume(bytes.len());
        Some(bytes)
    }

    /// The log stays where it is from now on, or goes on; a node with `appendonly yes` lets replies wait for it.
    pub(crate) fn set_log_waits(&mut self, waits: bool) {
        self.node.shared.keyspace.set_recording(true);
        self.machine.log_waits.store(waits, Ordering::Relaxed);
        self.tell_released();
    }

    /// How long appends are to wait.
    pub(crate) fn append_delay_us(&self) -> u64 {
        self.machine.append_delay_us.load(Ordering::Relaxed)
    }

    /// What is to be done with files, the first of all that was not asked for.
    pub(crate) fn take_errand(&mut self) -> Option<(Errand, Place, u64)> {
        let mut errands = self.machine.errands.lock();
        (!errands.is_empty()).then(|| errands.remove(0))
    }

    /// What the machine tells of its backup.
    pub(crate) fn set_backup(&mut self, status: engine::sealing::Status) {
        *self.machine.backup.lock() = status;
    }

    /// It has come to its end.
    pub(crate) fn end_errand(&mut self, ended: Ended) {
        let worker = ended.to.worker;
        self.workers[worker].receive(self.now, Mail::Errand(Box::new(ended)));
    }

    /// What is to be brought to another server, the first of all that was not asked for.
    pub(crate) fn take_migration(&mut self) -> (Migration, Place, u64) {
        self.machine.migrations.lock().remove(0)
    }

    /// It has come to its end.
    pub(crate) fn arrive(&mut self, arrival: Arrival) {
        let worker = arrival.to.worker;
        self.workers[worker].receive(self.now, Mail::Migrated(Box::new(arrival)));
    }

    /// The append-only file has been synced up to a place, or there is none, and the workers are told.
    pub(crate) fn set_synced(&mut self, synced: Option<u64>) {
        *self.machine.synced.lock() = synced;
        for worker in &mut self.workers {
            worker.receive(self.now, Mail::Synced);
        }
    }

    /// The log cannot be written any more, and the workers are told.
    pub(crate) fn fail_log(&mut self) {
        self.node.shared.refuse_writes(engine::shared::WriteBlock::Log, Some("MISCONF it fails".to_owned()));
        self.tell_released();
    }

    /// No snapshot can be saved any more.
    pub(crate) fn fail_save(&mut self) {
        let refusal = Some("MISCONF it fails".to_owned());
        self.node.shared.refuse_writes(engine::shared::WriteBlock::Snapshot, refusal);
        self.tell_released();
    }

    /// How often a worker wanted the log to be written.
    pub(crate) fn log_wishes(&self) -> usize {
        self.machine.log_wishes.load(Ordering::Relaxed)
    }

    /// The workers are told to look how far the log has come.
    pub(crate) fn tell_released(&mut self) {
        for worker in &mut self.workers {
            worker.receive(self.now, Mail::Released);
        }
    }

    /// The connections of a worker that may send.
    pub(crate) fn writable(&mut self, worker: usize) -> Vec<usize> {
        self.workers[worker].take_writable()
    }

    /// What was written to the log.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.machine.warnings.lock().clone()
    }
}
