//! What the sweeps have in common: what may go wrong, and what is told of the starts behind it.
//!
//! ```text
//!   faults   a call fails, once or from there on; the server goes on, and then it is killed or loses power
//!   cuts     the power is cut at a call; the next server goes on, and loses power, too
//!   backups  either, while BACKUP makes a backup
//!   ends     the server ends, or begins, and calls fail
//! ```
//! An ordinary run looks at some of the calls; with `RUSTYPOTATO_LABORATORY=whole` it looks at all.

mod backups;
mod cuts;
mod ends;
mod faults;

use std::sync::Arc;

use config::Config;
use disk::{Call, Disk, Double, Fault};
use stdx::rng::Rng;

use super::plant::{Plant, config, empty_disk, path};
use super::record::{Found, Promise, Record, start};
use super::script::{APPENDS, Step, steps};
use super::servant::Speed;
use super::world::live;
use crate::clock::hand::Hand;

/// A disk that is as fast as disks are: one that answers within this time always keeps the second of `everysec`.
pub(super) const FAST: Speed = Speed { max_sync_us: 30_000 };
/// One whose syncs workers make themselves with `always`.
pub(super) const QUICK: Speed = Speed { max_sync_us: 40 };
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
    let dump = Disk::new(Arc::new(disk.copy())).length(&path("dump.rdb"));
    if dump.is_ok_and(|length| length.is_none()) && record.least_of_snapshot() == 0 {
        return; // a start would find nothing, as it should
    }
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
    let promise = promise(policy, &hand, speed.max_sync_us <= FAST.max_sync_us, &record);
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
