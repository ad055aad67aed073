//! At every call of the disk something goes wrong, once or from there on; the server goes on, and then it is killed or loses power.
//!
//! An ordinary run looks at some of the calls; with `RUSTYPOTATO_LABORATORY=whole` it looks at all.

use std::sync::Arc;

use config::{Config, Param};
use disk::{Call, Disk, Double, Fault};
use resp::write_command;
use stdx::rng::Rng;

use super::plant::{Plant, config, empty_disk, path};
use super::script::{APPENDS, EVERYTHING, Step, steps};
use super::world::{Found, Promise, Record, Speed, World, live, start};
use crate::clock::hand::Hand;

/// A disk that is as fast as disks are: one that answers within this time always keeps the second of `everysec`.
const FAST: Speed = Speed { max_sync_ms: 30 };
/// Power cuts at one place that chance lets end differently.
const CUTS: u64 = 3;

const EIO: i32 = 5;
const EINTR: i32 = 4;
const EFBIG: i32 = 27;
const ENOSPC: i32 = 28;

/// What may go wrong, and whether it goes on to.
const FAULTS: [(Fault, bool); 12] = [
    (Fault::Error(EIO), false),
    (Fault::Error(EIO), true),
    (Fault::Error(ENOSPC), false),
    (Fault::NoRoom, true),
    (Fault::Error(EINTR), false),
    (Fault::Error(EINTR), true),
    (Fault::Error(EFBIG), false),
    (Fault::Error(EFBIG), true),
    (Fault::Short, false),
    (Fault::Short, true),
    (Fault::Nothing, false),
    (Fault::Nothing, true),
];

/// How many calls are left out of each that is looked at.
pub(super) fn stride(ordinary: usize) -> usize {
    if is_whole() { 1 } else { ordinary }
}

/// Whether everything is to be looked at.
pub(super) fn is_whole() -> bool {
    std::env::var("RUSTYPOTATO_LABORATORY").is_ok_and(|value| value == "whole")
}

/// A server with a policy, which may have an append-only file.
fn parameters(policy: &str, appendonly: &str) -> Config {
    config(&[("appendonly", appendonly), ("appendfsync", policy)])
}

/// What is promised when the power goes now. A disk that fails or is slow makes replies wait after a second, and so what is lost was
/// acknowledged within one; a disk that is well loses only the last one.
fn promise(policy: &str, hand: &Hand, is_well: bool, record: &Record) -> Promise {
    match policy {
        "always" => Promise::All,
        _ if is_well => Promise::Second(hand.now_ns()),
        _ => Promise::Second(record.last_ns()),
    }
}

/// What became of starts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    found: usize,
    refused: Vec<String>,
    wrong: Vec<String>,
}

impl Tally {
    fn count(&mut self, found: Result<Found, String>, place: &str) {
        match found {
            Ok(Found::State(_)) => self.found += 1,
            Ok(Found::Refusal(reason)) => self.refused.push(format!("{place}: {reason}")),
            Err(reason) => self.wrong.push(format!("{place}: {reason}")),
        }
    }

    /// What must not be: wrong data, and starts that are refused though nothing was damaged.
    pub(super) fn complaints(&self) -> impl Iterator<Item = &String> {
        self.wrong.iter().chain(&self.refused)
    }

    /// There is no complaint, and so many starts found the data.
    fn check(&self, least: usize) {
        let complaints: Vec<&String> = self.complaints().collect();
        assert!(complaints.is_empty(), "{complaints:#?}");
        assert!(self.found >= least, "{self:#?}");
    }
}

/// Starts with the append-only file, and without, from a copy of a disk after a kill or a power cut.
fn judge(disk: &Double, policy: &str, record: &Record, least: usize, place: &str, tally: &mut Tally) {
    tally.count(start(&disk.copy(), parameters(policy, "yes"), record, least), place);
    let snapshot = start(&disk.copy(), parameters(policy, "no"), record, record.least_of_snapshot());
    tally.count(snapshot, &format!("{place}, snapshot"));
}

/// The server is killed, or the power cut, and what starts find is looked at.
fn crash(disk: &Double, policy: &str, promise: Promise, record: &Record, place: &str, tally: &mut Tally) {
    let least = record.least(Promise::All);
    judge(disk, policy, record, least, &format!("{place}, kill"), tally);
    for seed in 0..CUTS {
        let copy = disk.copy();
        copy.cut_power(&mut Rng::from_seed(seed));
        let least = record.least(promise);
        judge(&copy, policy, record, least, &format!("{place}, power cut {seed}"), tally);
    }
}

/// A fault at a call, then a crash; and after the disk is well again everything goes on, and then another crash. False: there is
/// no such call.
fn suffer(
    policy: &str,
    (fault, lasts): (Fault, bool),
    call: usize,
    script: &[Step],
    tally: &mut Tally,
) -> bool {
    let place = format!("{policy}, {fault:?} {} call {call}", if lasts { "from" } else { "at" });
    let (hand, disk) = (Hand::new(), empty_disk(call as u64));
    hand.take();
    disk.plan(call..if lasts { usize::MAX } else { call + 1 }, fault);
    let Ok(plant) = Plant::start(&disk, parameters(policy, "yes")) else {
        disk.heal();
        Plant::start(&disk, parameters(policy, "yes")).expect("there is nothing yet");
        return true;
    };
    live(&plant, &disk, &hand, (script, call as u64, FAST), |world| {
        world.run();
        world.pass(1500);
        let promised = promise(policy, &hand, !lasts, &world.record);
        crash(&disk, policy, promised, &world.record, &place, tally);
        let was_hit = disk.hit().is_some();
        disk.heal();
        recover(world, &place);
        let promised = promise(policy, &hand, true, &world.record);
        crash(&disk, policy, promised, &world.record, &format!("{place}, healed"), tally);
        was_hit
    })
}

/// The disk is well again: whoever waits is answered, and writes are taken.
fn recover(world: &mut World<'_>, place: &str) {
    world.pass(30_000);
    let refused = world.record.refused;
    world.ask(&[["SET", "healed", "1"].map(str::to_owned).to_vec()]);
    world.pass(2000);
    assert_eq!(world.record.unanswered, 0, "{place}: somebody is not answered");
    assert_eq!(world.record.refused, refused, "{place}: writes are still refused");
    let acknowledged = world.record.states[world.record.least(Promise::All)];
    assert_eq!(acknowledged, world.record.states[world.record.last()], "{place}: not all is acknowledged");
}

#[test]
fn rewrites_that_fail_for_long_do_not_pile_up_files() {
    for (number, error) in [EFBIG, EIO].into_iter().enumerate() {
        let (hand, disk) = (Hand::new(), empty_disk(number as u64));
        hand.take();
        let plant = Plant::start(&disk, parameters("everysec", "yes")).expect("nothing fails");
        let script = steps(APPENDS);
        live(&plant, &disk, &hand, (&script, number as u64, FAST), |world| {
            world.run();
            disk.spoil(Call::Append, Fault::Error(error));
            world.ask(&[["SET", "late", "1"].map(str::to_owned).to_vec()]);
            world.pass(120_000);
            disk.heal();
            let files = plant.machine.disk.list(&path("appendonlydir")).expect("nothing fails");
            assert!(files.len() <= 6, "{error}: {files:?}");
            recover(world, &format!("error {error}"));
        });
    }
}

#[test]
fn rewrites_that_fail_while_the_log_is_well_do_not_pile_up_files() {
    let (hand, disk) = (Hand::new(), empty_disk(1));
    hand.take();
    let plant = Plant::start(&disk, parameters("everysec", "yes")).expect("nothing fails");
    let mut files = Vec::new();
    let record = live(&plant, &disk, &hand, (&steps(APPENDS), 1, FAST), |world| {
        world.run();
        world.saver_fault = Some(Fault::Error(EIO));
        for round in 0..8 {
            world.ask(&[["SET", "late", &round.to_string()].map(str::to_owned).to_vec()]);
            world.ask(&[vec!["BGREWRITEAOF".to_owned()]]);
            world.pass(3000);
            files.push(plant.machine.disk.list(&path("appendonlydir")).expect("nothing fails"));
            // The log goes on meanwhile.
            let copy = disk.copy();
            copy.cut_power(&mut Rng::from_seed(round));
            let found = start(&copy, parameters("everysec", "yes"), &world.record, world.record.last());
            assert_eq!(found, Ok(Found::State(world.record.last())), "round {round}");
        }
        world.saver_fault = None;
        world.ask(&[vec!["BGREWRITEAOF".to_owned()]]);
        world.pass(3000);
        files.push(plant.machine.disk.list(&path("appendonlydir")).expect("nothing fails"));
        std::mem::take(&mut world.record)
    });
    let counts: Vec<usize> = files.iter().map(Vec::len).collect();
    assert_eq!(counts, [4, 4, 4, 4, 4, 4, 4, 4, 3], "{files:?}");
    // A start with what such a rewrite has left tries it out, too.
    let found = start(&disk.copy(), parameters("everysec", "yes"), &record, record.last());
    assert_eq!(found, Ok(Found::State(record.last())));
}

fn sweep_faults(policy: &str, ordinary: usize) {
    let script = steps(EVERYTHING);
    let mut tally = Tally::default();
    for (number, fault) in FAULTS.into_iter().enumerate() {
        let mut call = number % stride(ordinary);
        while suffer(policy, fault, call, &script, &mut tally) {
            call += stride(ordinary);
        }
    }
    tally.check(500);
}

#[test]
fn a_call_that_fails_costs_nothing_acknowledged_when_every_write_is_synced() {
    sweep_faults("always", 37);
}

#[test]
fn a_call_that_fails_costs_no_more_than_a_second() {
    sweep_faults("everysec", 37);
}

/// How a server lives until the power is cut.
#[derive(Clone, Copy)]
pub(super) struct Life<'s> {
    pub(super) policy: &'s str,
    pub(super) script: &'s [Step],
    pub(super) seed: u64,
    pub(super) speed: Speed,
    /// All calls of a kind go wrong.
    pub(super) spoiled: Option<(Call, Fault)>,
}

/// The power is cut at a call. False: there is no such call.
pub(super) fn cut(life: Life<'_>, call: usize, tally: &mut Tally) -> bool {
    let Life { policy, script, seed, speed, spoiled } = life;
    let (hand, disk) = (Hand::new(), empty_disk(seed));
    hand.take();
    disk.plan(call..usize::MAX, Fault::PowerCut);
    if let Some((call, fault)) = spoiled {
        disk.spoil(call, fault);
    }
    let config = || parameters(policy, "yes");
    let record = match Plant::start(&disk, config()) {
        Ok(plant) => live(&plant, &disk, &hand, (script, seed, speed), |world| {
            world.run();
            std::mem::take(&mut world.record)
        }),
        Err(_) => Record::new(Plant::start(&empty_disk(0), config()).expect("it is empty").fingerprint()),
    };
    let promise = promise(policy, &hand, speed.max_sync_ms <= FAST.max_sync_ms, &record);
    for cut in 0..CUTS {
        let place = format!("{policy}, seed {seed}, power cut {cut} at call {call}");
        let copy = disk.copy();
        copy.cut_power(&mut Rng::from_seed(cut));
        judge(&copy, policy, &record, record.least(promise), &place, tally);
        go_on(&copy, policy, seed, &format!("{place}, and again"), tally);
    }
    disk.is_off()
}

/// A server starts with what is left, goes on, and the power is cut again: it loses nothing of what it has found.
fn go_on(disk: &Double, policy: &str, seed: u64, place: &str, tally: &mut Tally) {
    let hand = Hand::new();
    hand.take();
    // What it refuses has been counted.
    let Ok(plant) = Plant::start(disk, parameters(policy, "yes")) else { return };
    let record = live(&plant, disk, &hand, (&steps(APPENDS), seed, FAST), |world| {
        world.run_some(1 + seed as usize % 20);
        std::mem::take(&mut world.record)
    });
    let least = record.least(promise(policy, &hand, true, &record));
    let copy = disk.copy();
    copy.cut_power(&mut Rng::from_seed(seed));
    tally.count(start(&copy, parameters(policy, "yes"), &record, least), place);
}

/// Power cuts at many places of several lives, at least so many.
fn sweep_cuts(policy: &str, ordinary: usize, least: usize) {
    let (mut tally, mut cuts) = (Tally::default(), 0);
    let slow = Speed { max_sync_ms: 900 };
    let lives = [(EVERYTHING, FAST), (APPENDS, FAST), (EVERYTHING, slow)];
    for (seed, (script, speed)) in lives.into_iter().cycle().enumerate() {
        if seed >= lives.len() && cuts >= least {
            break;
        }
        let script = steps(script);
        let mut call = seed % stride(ordinary);
        let life = |call| Life { policy, script: &script, seed: (seed + call) as u64, speed, spoiled: None };
        while cut(life(call), call, &mut tally) {
            call += stride(ordinary);
            cuts += 1;
        }
    }
    eprintln!("{policy}: {cuts} power cuts, {} starts, {} refusals", tally.found, tally.refused.len());
    tally.check(6 * cuts);
}

#[test]
fn a_power_cut_costs_nothing_acknowledged_when_every_write_is_synced() {
    sweep_cuts("always", 11, if is_whole() { 1000 } else { 1 });
}

#[test]
fn a_power_cut_costs_no_more_than_a_second() {
    sweep_cuts("everysec", 11, if is_whole() { 1000 } else { 1 });
}

/// A disk with the files of a redis-server that has run some commands.
fn disk_of_redis(seed: u64) -> Double {
    let double = empty_disk(seed);
    let disk = Disk::new(Arc::new(double.clone()));
    let mut commands = Vec::new();
    for command in [&["SELECT", "0"][..], &["SET", "a", "1"], &["INCR", "count"]] {
        write_command(&mut commands, command);
    }
    let write = || {
        disk.make_folder(&path("appendonlydir"))?;
        for (name, bytes) in [
            ("appendonlydir/appendonly.aof.1.incr.aof", &commands[..]),
            ("appendonlydir/appendonly.aof.manifest", b"file appendonly.aof.1.incr.aof seq 1 type i\n"),
        ] {
            disk.write(&path(name), bytes)?;
            disk.sync(&path(name))?;
        }
        disk.sync_folder(&path("appendonlydir"))
    };
    write().expect("nothing fails");
    double
}

#[test]
fn a_power_cut_after_a_change_from_redis_costs_nothing() {
    let mut tally = Tally::default();
    for call in 0..80 {
        let disk = disk_of_redis(call);
        disk.plan(disk.calls() + call as usize..usize::MAX, Fault::PowerCut);
        go_on(&disk, "always", call, &format!("power cut at call {call}"), &mut tally);
    }
    tally.check(50);
}

/// The server ends in order after so many steps. If it says that everything is on disk, it is. False: the script is over.
fn end(
    policy: &str,
    script: &[Step],
    count: usize,
    fault: Option<(usize, Fault)>,
    tally: &mut Tally,
) -> bool {
    let (hand, disk) = (Hand::new(), empty_disk(count as u64));
    hand.take();
    let plant = Plant::start(&disk, parameters(policy, "yes")).expect("nothing fails");
    live(&plant, &disk, &hand, (script, count as u64, FAST), |world| {
        world.run_some(count);
        if let Some((call, fault)) = fault {
            disk.plan(disk.calls() + call..usize::MAX, fault);
        }
        let is_on = plant.node.shared.config.read().yes(Param::Appendonly);
        let place = format!("{policy}, end after {count} steps, {fault:?}");
        if world.finish().is_ok() && is_on {
            let copy = disk.copy();
            copy.cut_power(&mut Rng::from_seed(count as u64));
            tally.count(start(&copy, parameters(policy, "yes"), &world.record, world.record.last()), &place);
        }
    });
    count < script.len()
}

#[test]
fn who_says_at_the_end_that_all_is_written_has_written_all() {
    let script = steps(EVERYTHING);
    let mut tally = Tally::default();
    for policy in ["always", "everysec", "no"] {
        for fault in
            [None, Some((0, Fault::Error(EIO))), Some((1, Fault::Error(EIO))), Some((0, Fault::NoRoom))]
        {
            let mut count = 1;
            while end(policy, &script, count, fault, &mut tally) {
                count += stride(5);
            }
        }
    }
    tally.check(30);
}

/// A start finds a torn file, and a call of it fails. False: there is no such call.
fn start_with(fault: Fault, call: usize, script: &[Step], tally: &mut Tally) -> bool {
    let (hand, disk) = (Hand::new(), empty_disk(call as u64));
    hand.take();
    let config = || parameters("everysec", "yes");
    let plant = Plant::start(&disk, config()).expect("nothing fails");
    let record = live(&plant, &disk, &hand, (script, 1, FAST), |world| {
        world.run();
        std::mem::take(&mut world.record)
    });
    disk.cut_power(&mut Rng::from_seed(1));
    disk.plan(call..call + 1, fault);
    let place = format!("{fault:?} at call {call} of a start");
    let least = record.least(Promise::Second(hand.now_ns()));
    // It may refuse this time; not the next.
    if let Err(reason) = start(&disk, config(), &record, least) {
        tally.wrong.push(format!("{place}: {reason}"));
    }
    let was_hit = disk.hit().is_some();
    disk.heal();
    if fault == Fault::PowerCut {
        disk.cut_power(&mut Rng::from_seed(call as u64));
    }
    tally.count(start(&disk, config(), &record, least), &format!("{place}, and again"));
    was_hit
}

#[test]
fn a_start_that_fails_costs_nothing() {
    let mut tally = Tally::default();
    let faults = FAULTS.into_iter().filter(|(_, lasts)| !lasts).map(|(fault, _)| fault);
    for fault in faults.chain([Fault::PowerCut]) {
        for script in [APPENDS, EVERYTHING] {
            // In the middle, so that there is something to cut off.
            let script = steps(script);
            let mut call = 0;
            while start_with(fault, call, &script[..script.len() - 3], &mut tally) {
                call += stride(3);
            }
        }
    }
    tally.check(50);
}
