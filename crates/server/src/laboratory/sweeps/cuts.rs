//! The power is cut at every call of the disk, in several ways each.

use disk::Fault;

use super::super::plant::disk_of_redis;
use super::super::script::{APPENDS, EVERYTHING, steps};
use super::super::servant::Speed;
use super::{FAST, Life, QUICK, Tally, cut, go_on, is_whole, stride};

/// Power cuts at many places of several lives, at least so many.
fn sweep_cuts(policy: &str, ordinary: usize, least: usize) {
    let (mut tally, mut cuts) = (Tally::default(), 0);
    let slow = Speed { max_sync_us: 900_000 };
    let lives =
        [(EVERYTHING, FAST), (EVERYTHING, QUICK), (APPENDS, FAST), (APPENDS, QUICK), (EVERYTHING, slow)];
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

#[test]
fn a_power_cut_after_a_change_from_redis_costs_nothing() {
    let mut tally = Tally::default();
    for call in 0..100 {
        let disk = disk_of_redis(call);
        disk.plan(disk.calls() + call as usize..usize::MAX, Fault::PowerCut);
        go_on(&disk, "always", call, &format!("power cut at call {call}"), &mut tally);
    }
    tally.check(50);
}
