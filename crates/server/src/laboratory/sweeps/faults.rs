//! A call of the disk fails, and the server goes on; then it is killed or loses power.

use disk::{Call, Double, Fault};
use stdx::rng::Rng;

use super::super::plant::{Plant, disk_of_redis, empty_disk, path};
use super::super::record::{Found, Promise, start};
use super::super::script::{APPENDS, EVERYTHING, Step, steps};
use super::super::servant::Speed;
use super::super::world::{World, live};
use super::{EFBIG, EIO, FAST, FAULTS, QUICK, Tally, crash, parameters, promise, stride};
use crate::clock::hand::Hand;

/// A fault at a call, then a crash; and after the disk is well again everything goes on, and then another crash. False: there is
/// no such call.
fn suffer(
    make_disk: fn(u64) -> Double,
    (policy, speed): (&str, Speed),
    (fault, lasts): (Fault, bool),
    call: usize,
    script: &[Step],
    tally: &mut Tally,
) -> bool {
    let place = format!("{policy}, {fault:?} {} call {call}", if lasts { "from" } else { "at" });
    let (hand, disk) = (Hand::new(), make_disk(call as u64));
    hand.take();
    let first = disk.calls() + call;
    disk.plan(first..if lasts { usize::MAX } else { first + 1 }, fault);
    let Ok(plant) = Plant::start(&disk, parameters(policy, "yes")) else {
        disk.heal();
        Plant::start(&disk, parameters(policy, "yes")).expect("nothing has been lost");
        return true;
    };
    live(&plant, &disk, &hand, (script, call as u64, speed), |world| {
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
    assert_eq!(counts, [6, 6, 6, 6, 6, 6, 6, 6, 5], "{files:?}");
    // A start with what such a rewrite has left tries it out, too.
    let found = start(&disk.copy(), parameters("everysec", "yes"), &record, record.last());
    assert_eq!(found, Ok(Found::State(record.last())));
}

fn sweep_faults(make_disk: fn(u64) -> Double, policy: &str, script: &[Step], ordinary: usize, least: usize) {
    let mut tally = Tally::default();
    // Workers sync only with `always`.
    let speeds: &[Speed] = if policy == "always" { &[FAST, QUICK] } else { &[FAST] };
    for &speed in speeds {
        for (number, fault) in FAULTS.into_iter().enumerate() {
            let mut call = number % stride(ordinary);
            while suffer(make_disk, (policy, speed), fault, call, script, &mut tally) {
                call += stride(ordinary);
            }
        }
    }
    tally.check(least);
}

#[test]
fn a_call_that_fails_costs_nothing_acknowledged_when_every_write_is_synced() {
    sweep_faults(empty_disk, "always", &steps(EVERYTHING), 37, 500);
}

#[test]
fn a_call_that_fails_costs_no_more_than_a_second() {
    sweep_faults(empty_disk, "everysec", &steps(EVERYTHING), 37, 500);
}

#[test]
fn a_call_that_fails_after_a_change_from_redis_costs_nothing() {
    for policy in ["always", "everysec"] {
        sweep_faults(disk_of_redis, policy, &steps(APPENDS)[..5], 7, 100);
    }
}
