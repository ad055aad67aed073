//! Calls fail, or the power is cut, while BACKUP makes a backup: the server's own data is what it would be without, and a folder that
//! says that it holds a backup holds what had been acknowledged when it was sealed.

use config::{Config, Param};
use disk::{Disk, Double, Fault};
use engine::sealing::Stage;
use std::sync::Arc;
use stdx::rng::Rng;

use super::super::plant::{Plant, config, empty_disk, path};
use super::super::record::{Found, Record, start};
use super::super::script::{BACKUP, BACKUP_AND_SWITCH, steps};
use super::super::world::{World, live};
use super::{CUTS, FAST, FAULTS, Tally, crash, judge, parameters, promise, stride};
use crate::clock::hand::Hand;
use crate::persistence::Task;
use crate::sealing::{self, Folder};

/// A start with what a backup holds, and nothing else.
fn preloading() -> Config {
    let manifest = path("backupdir/appendonly.aof.manifest");
    let mut config = config(&[("appendonly", "no")]);
    let preload = format!("aof:{}", manifest.display());
    config.assign(Param::PreloadFile, &[preload.as_bytes()]).expect("it is a path");
    config
}

/// Whether the folder says that it holds a backup.
fn is_sealed(disk: &Double) -> bool {
    let folder = Folder::of(&Disk::new(Arc::new(disk.copy())), &Config::default());
    matches!(folder.look(), Ok(sealing::Found::Sealed { .. }))
}

/// If the folder says that it holds a backup, it does.
fn judge_backup(disk: &Double, record: &Record, place: &str, tally: &mut Tally) {
    if !is_sealed(disk) {
        return;
    }
    let least = record.seal.expect("nobody else seals");
    tally.count(start(&disk.copy(), preloading(), record, least), &format!("{place}, backup"));
}

/// After a kill, and after power cuts.
fn judge_backups(disk: &Double, record: &Record, place: &str, tally: &mut Tally) {
    judge_backup(disk, record, place, tally);
    for seed in 0..CUTS {
        let copy = disk.copy();
        copy.cut_power(&mut Rng::from_seed(seed));
        judge_backup(&copy, record, &format!("{place}, power cut {seed}"), tally);
    }
}

fn ask(world: &mut World<'_>, words: &str) {
    world.ask(&[words.split(' ').map(str::to_owned).collect()]);
    world.pass(3000);
}

/// The disk is well again: whatever has become of the backup, another one can be made, and holds everything.
fn make_another(world: &mut World<'_>, plant: &Plant, disk: &Double, place: &str) {
    world.pass(30_000);
    // Some of these are refused.
    ask(world, "BACKUP ABORT");
    ask(world, "BACKUP CLEANUP");
    let refused = world.record.refused;
    for words in ["BACKUP START", "SET healed 1", "BACKUP SEAL"] {
        ask(world, words);
    }
    let status = plant.machine.sealing.status();
    assert_eq!((status.stage, &*status.error), (Stage::Sealed, ""), "{place}");
    assert_eq!((world.record.refused, world.record.unanswered), (refused, 0), "{place}");
    let last = world.record.last();
    let found = start(&disk.copy(), preloading(), &world.record, last);
    assert_eq!(found, Ok(Found::State(last)), "{place}");
}

/// A fault at a call. False: there is no such call.
fn suffer(appendonly: &str, (fault, lasts): (Fault, bool), call: usize, tally: &mut Tally) -> bool {
    let place =
        format!("appendonly {appendonly}, {fault:?} {} call {call}", if lasts { "from" } else { "at" });
    let (hand, disk) = (Hand::new(), empty_disk(call as u64));
    hand.take();
    let plant = Plant::start(&disk, parameters("everysec", appendonly)).expect("nothing fails yet");
    let first = disk.calls() + call;
    disk.plan(first..if lasts { usize::MAX } else { first + 1 }, fault);
    live(&plant, &disk, &hand, (&steps(BACKUP), call as u64, FAST), |world| {
        world.run();
        world.pass(1500);
        if appendonly == "yes" {
            let promised = promise("everysec", &hand, !lasts, &world.record);
            crash(&disk, "everysec", promised, &world.record, &place, tally);
        } else {
            assert_eq!(world.record.unanswered, 0, "{place}");
            assert_eq!(world.record.refused_changes, 0, "{place}: what fails is the backup's trouble alone");
        }
        judge_backups(&disk, &world.record, &place, tally);
        let was_hit = disk.hit().is_some();
        disk.heal();
        make_another(world, &plant, &disk, &place);
        if appendonly == "yes" {
            let promised = promise("everysec", &hand, true, &world.record);
            crash(&disk, "everysec", promised, &world.record, &format!("{place}, healed"), tally);
        }
        was_hit
    })
}

/// The power is cut at a call. False: there is no such call.
fn cut(script: &str, appendonly: &str, call: usize, seed: u64, tally: &mut Tally) -> bool {
    let (hand, disk) = (Hand::new(), empty_disk(seed));
    hand.take();
    let plant = Plant::start(&disk, parameters("always", appendonly)).expect("nothing fails yet");
    disk.plan(disk.calls() + call..usize::MAX, Fault::PowerCut);
    let record = live(&plant, &disk, &hand, (&steps(script), seed, FAST), |world| {
        world.run();
        std::mem::take(&mut world.record)
    });
    let promised = promise("always", &hand, true, &record);
    for cut in 0..CUTS {
        let place = format!("appendonly {appendonly}, power cut {cut} at call {call}");
        let copy = disk.copy();
        copy.cut_power(&mut Rng::from_seed(cut));
        if appendonly == "yes" {
            judge(&copy, "always", &record, record.least(promised), &place, tally);
        }
        judge_backup(&copy, &record, &place, tally);
    }
    disk.is_off()
}

#[test]
fn a_call_that_fails_costs_a_backup_at_most() {
    for appendonly in ["yes", "no"] {
        let mut tally = Tally::default();
        for (number, fault) in FAULTS.into_iter().enumerate() {
            let mut call = number % stride(11);
            while suffer(appendonly, fault, call, &mut tally) {
                call += stride(11);
            }
        }
        tally.check(if appendonly == "yes" { 500 } else { 5 });
    }
}

#[test]
fn a_power_cut_leaves_a_whole_backup_or_none() {
    for appendonly in ["yes", "no"] {
        let mut tally = Tally::default();
        for seed in 0..2 {
            let mut call = seed as usize;
            while cut(BACKUP, appendonly, call, seed, &mut tally) {
                call += stride(2);
            }
        }
        tally.check(if appendonly == "yes" { 100 } else { 5 });
    }
}

#[test]
fn a_power_cut_leaves_a_whole_backup_or_none_while_the_log_is_switched() {
    let mut tally = Tally::default();
    for seed in 0..4 {
        let mut call = seed as usize % stride(4);
        while cut(BACKUP_AND_SWITCH, "yes", call, seed, &mut tally) {
            call += stride(4);
        }
    }
    tally.check(100);
}

#[test]
fn a_backup_that_begins_beside_a_switch_holds_what_there_was_and_spoils_nothing() {
    for (seed, policy) in [(1, "always"), (2, "everysec"), (3, "no")] {
        let (hand, disk) = (Hand::new(), empty_disk(seed));
        hand.take();
        let plant = Plant::start(&disk, parameters(policy, "yes")).expect("nothing fails");
        live(&plant, &disk, &hand, (&steps(""), seed, FAST), |world| {
            ask(world, "RPUSH list first");
            // All of this comes before the persistence thread has its turn.
            for words in ["RPUSH list waiting", "BACKUP START", "CONFIG SET appendonly no"] {
                world.ask(&[words.split(' ').map(str::to_owned).collect()]);
            }
            world.pass(3000);
            assert_eq!(plant.machine.sealing.stage(), Stage::Incrementing, "{policy}");
            ask(world, "RPUSH list aside");
            ask(world, "BACKUP SEAL");
            let last = world.record.last();
            let found = start(&disk.copy(), preloading(), &world.record, last);
            assert_eq!(found, Ok(Found::State(last)), "{policy}");
            ask(world, "RPUSH list nowhere");
            ask(world, "CONFIG SET appendonly yes");
            ask(world, "RPUSH list last");
            world.pass(3000);
            let last = world.record.last();
            let found = start(&disk.copy(), parameters(policy, "yes"), &world.record, last);
            assert_eq!(found, Ok(Found::State(last)), "{policy}");
            assert_eq!((world.record.refused, world.record.unanswered), (0, 0), "{policy}");
        });
    }
}

#[test]
fn a_rewrite_that_begins_when_the_base_has_come_is_put_off() {
    let (hand, disk) = (Hand::new(), empty_disk(1));
    hand.take();
    let plant = Plant::start(&disk, parameters("everysec", "yes")).expect("nothing fails");
    live(&plant, &disk, &hand, (&steps(""), 1, FAST), |world| {
        ask(world, "SET a 1");
        ask(world, "BACKUP START");
        let progress = &plant.machine.progress;
        let rewrites = progress.figures(0).aof_rewrites;
        // As by a BGREWRITEAOF that has looked before the base came.
        assert_eq!(progress.begin_rewrite(0), Ok(true));
        plant.machine.tell(Task::Rewrite);
        world.pass(3000);
        assert_eq!(plant.machine.sealing.stage(), Stage::Incrementing);
        assert!(progress.figures(0).aof_rewrite_scheduled);
        assert_eq!(progress.figures(0).aof_rewrites, rewrites);
        ask(world, "BACKUP SEAL");
        assert_eq!(plant.machine.sealing.stage(), Stage::Sealed);
        assert_eq!(progress.figures(0).aof_rewrites, rewrites + 1, "it follows");
    });
}
