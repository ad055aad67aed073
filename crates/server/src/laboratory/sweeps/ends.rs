//! The end of a server, which says whether all is written, and its start, of which every call fails.

use config::Param;
use disk::Fault;
use stdx::rng::Rng;

use super::super::plant::{Plant, empty_disk};
use super::super::record::{Promise, start};
use super::super::script::{APPENDS, EVERYTHING, Step, steps};
use super::super::world::live;
use super::{EIO, FAST, FAULTS, Tally, parameters, stride};
use crate::clock::hand::Hand;

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
