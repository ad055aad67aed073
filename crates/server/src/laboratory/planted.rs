//! Faults that are planted, and that the laboratory must find: else it would find none of ours.

use disk::{Call, Fault};

use super::script::{EVERYTHING, steps};
use super::servant::Speed;
use super::sweeps::{FAST, Life, QUICK, Tally, cut};

/// Power cuts in lives in which all calls of a kind go wrong: what was found to be wrong.
fn check(policy: &str, call: Call, fault: Fault) {
    check_with(policy, FAST, call, fault);
}

fn check_with(policy: &str, speed: Speed, call: Call, fault: Fault) {
    let script = steps(EVERYTHING);
    let mut tally = Tally::default();
    let mut place = 40;
    let life = Life { policy, script: &script, seed: 1, speed, spoiled: Some((call, fault)) };
    while cut(life, place, &mut tally) && tally.complaints().next().is_none() {
        place += 3;
    }
    assert!(tally.complaints().next().is_some(), "{policy}: {call:?} with {fault:?} is not found");
}

#[test]
fn replies_before_the_sync_are_found() {
    check("always", Call::Sync, Fault::Lie);
    check_with("always", QUICK, Call::Sync, Fault::Lie);
    check("everysec", Call::Sync, Fault::Lie);
}

#[test]
fn a_sync_that_fails_unheard_is_found() {
    check("always", Call::Sync, Fault::Hush);
    check_with("always", QUICK, Call::Sync, Fault::Hush);
}

#[test]
fn names_that_are_not_synced_are_found() {
    check("always", Call::SyncFolder, Fault::Lie);
}

#[test]
fn a_manifest_that_is_not_replaced_is_found() {
    check("always", Call::Rename, Fault::Lie);
}

#[test]
fn what_is_no_fault_is_not_found() {
    let script = steps(EVERYTHING);
    let mut tally = Tally::default();
    let spoiled = Some((Call::Append, Fault::Short));
    let life = Life { policy: "always", script: &script, seed: 1, speed: FAST, spoiled };
    let mut place = 0;
    while cut(life, place, &mut tally) {
        place += 17;
    }
    assert_eq!(tally.complaints().next(), None, "the rest of the bytes is written behind");
}

#[test]
fn bytes_that_are_said_to_be_taken_are_found() {
    check("always", Call::Append, Fault::Lie);
}
