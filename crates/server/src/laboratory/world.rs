//! A server that lives as a test wants: workers with their clients, and a persistence thread, which have their turns when they are told.
//!
//! Only one of them runs at a time. While the persistence thread waits for a sync, the world may go on with the script: then requests are
//! executed, written and perhaps acknowledged while the disk is busy, as in a real server. Chance, which the seed decides, says which worker gets a
//! request, whether it gets the next one in the same turn, and which workers open their letters when something has been synced; so replies of
//! several of them wait for one sync, and go at different times.

use std::collections::VecDeque;
use std::thread;

use config::Param;
use disk::{Call, Double, Fault};
use stdx::rng::Rng;

use super::lane::{Awaited, Kind, Lane, Requests, kind};
use super::plant::{Plant, WORKERS};
use super::record::Record;
use super::script::Step;
use super::servant::{Event, Order, Servant, Speed};
use crate::clock::hand::Hand;
use crate::saver;

/// See the module's text.
pub(super) struct World<'s> {
    plant: &'s Plant,
    disk: Double,
    hand: Hand,
    rng: Rng,
    lanes: Vec<Lane<'s>>,
    script: VecDeque<Step>,
    servant: Servant,
    next_turn_ns: u64,
    /// Whether the append-only file holds everything, as the server believes.
    is_whole: bool,
    /// Whatever the saver appends fails, and nothing else.
    pub(super) saver_fault: Option<Fault>,
    /// A save in the background: its state, and how many saves had ended before.
    saving: Option<(usize, u64)>,
    pub(super) record: Record,
}

/// Has a server live by a script, on a disk whose calls take time; `body` decides how it goes on and ends.
pub(super) fn live<T>(
    plant: &Plant,
    disk: &Double,
    hand: &Hand,
    (script, seed, speed): (&[Step], u64, Speed),
    body: impl FnOnce(&mut World<'_>) -> T,
) -> T {
    thread::scope(|scope| {
        let servant = Servant::start(scope, plant, disk, hand, (seed, speed));
        let mut world = World {
            plant,
            disk: disk.clone(),
            hand: hand.clone(),
            rng: Rng::from_seed(seed),
            lanes: (0..WORKERS).map(|index| Lane::new(plant, index)).collect(),
            script: script.iter().cloned().collect(),
            servant,
            next_turn_ns: 0,
            is_whole: plant.machine.journal.is_on(),
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

/// What the script says.
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
                    self.ask_with_next(&requests);
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

    /// A client that waits for nothing sends requests; if all wait, nobody does.
    pub(super) fn ask(&mut self, requests: &Requests) {
        self.ask_together(&[requests]);
    }

    /// The same, and perhaps the next step of the script is for another client of the same worker, in the same turn.
    fn ask_with_next(&mut self, requests: &Requests) {
        let is_plain = |requests: &Requests| kind(&requests[0]) == Kind::Other;
        let together = is_plain(requests) && self.rng.below(4) == 0;
        let next = match self.script.front() {
            Some(Step::Ask(next)) if together && is_plain(next) => Some(next.clone()),
            _ => None,
        };
        match next {
            Some(next) => {
                self.script.pop_front();
                self.ask_together(&[requests, &next]);
            }
            None => self.ask_together(&[requests]),
        }
    }

    fn ask_together(&mut self, pieces: &[&Requests]) {
        let first = self.rng.below(WORKERS as u64) as usize;
        let mut order = (0..WORKERS).map(|index| (first + index) % WORKERS);
        let Some(lane) = order.find(|&lane| self.lanes[lane].free() >= pieces.len()) else { return };
        self.lanes[lane].ask(pieces, self.record.states.len());
        self.record.states.push(self.plant.fingerprint());
        if pieces[0][0][0] == "BGSAVE" {
            self.saving = Some((self.record.last(), self.saves()));
        }
        if pieces[0][0][..] == ["BACKUP", "SEAL"] {
            self.record.seal = Some(self.record.last());
        }
        self.look_at(&[lane]);
    }

    /// The saver does what it has to.
    fn save(&mut self) {
        while let Ok(job) = self.plant.jobs.try_recv() {
            // Nobody else has a turn meanwhile.
            if let Some(fault) = self.saver_fault {
                self.disk.spoil(Call::Append, fault);
            }
            saver::perform(&self.plant.machine, job, 0);
            if self.saver_fault.is_some() {
                self.disk.heal();
            }
        }
        self.look();
    }

    fn saves(&self) -> u64 {
        self.plant.machine.progress.figures(0).saves
    }
}

/// The persistence thread.
impl World<'_> {
    /// The persistence thread has its turn.
    pub(super) fn turn(&mut self) {
        if let Event::Rests(next_ns) = self.order(Order::Turn, true) {
            self.next_turn_ns = next_ns;
        }
        let lanes: Vec<usize> = (0..WORKERS).filter(|_| self.rng.below(3) > 0).collect();
        self.look_at(&lanes);
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
        self.servant.order(order);
        loop {
            match self.servant.event() {
                Event::Syncs => {
                    let waiting = self.lanes.iter().filter(|lane| lane.waiting() > 0).count();
                    self.record.waited_together = self.record.waited_together.max(waiting);
                    if goes_on {
                        self.go_on_meanwhile();
                    }
                    self.servant.go_on();
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
            self.ask_with_next(&requests);
        }
    }
}

/// What has happened.
impl World<'_> {
    fn look(&mut self) {
        let all: Vec<usize> = (0..WORKERS).collect();
        self.look_at(&all);
    }

    /// Files, and what some workers find in their letters.
    fn look_at(&mut self, lanes: &[usize]) {
        if self.disk.is_off() {
            return;
        }
        let answered: Vec<(Awaited, Vec<u8>)> =
            lanes.iter().flat_map(|&lane| self.lanes[lane].look()).collect();
        self.look_at_files();
        for (awaited, reply) in answered {
            self.note(awaited, &reply);
        }
        self.record.unanswered = self.lanes.iter().map(Lane::waiting).sum();
    }

    /// A request has been answered.
    fn note(&mut self, Awaited { state, kind }: Awaited, reply: &[u8]) {
        if reply.starts_with(b"-") || reply.windows(3).any(|bytes| bytes == b"\r\n-") {
            self.record.refused += 1;
            self.record.refused_changes += usize::from(kind == Kind::Other);
            return;
        }
        match kind {
            Kind::Save => self.record.snapshot = self.record.snapshot.max(state),
            // What the file holds stays in force.
            Kind::SwitchOff => self.is_whole = false,
            Kind::Order | Kind::Other => {}
        }
        // What changes nothing need not wait while the file cannot be written.
        if !self.record.is_change(state) {
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
