//! That a life in the laboratory is what it is to be: the same with the same seed, and with workers whose replies wait for one sync.

use super::plant::{Plant, WORKERS, config, empty_disk};
use super::record::Record;
use super::script::{EVERYTHING, steps};
use super::servant::Speed;
use super::world::live;
use crate::clock::hand::Hand;

/// A life in which all that fails are no disks.
fn life(policy: &str, seed: u64) -> Record {
    let (hand, disk) = (Hand::new(), empty_disk(seed));
    hand.take();
    let config = config(&[("appendonly", "yes"), ("appendfsync", policy)]);
    let plant = Plant::start(&disk, config).expect("nothing fails");
    live(&plant, &disk, &hand, (&steps(EVERYTHING), seed, Speed { max_sync_us: 30_000 }), |world| {
        world.run();
        world.pass(1500);
        std::mem::take(&mut world.record)
    })
}

#[test]
fn the_same_seed_gives_the_same_life() {
    for policy in ["always", "everysec"] {
        let [one, other] = [life(policy, 5), life(policy, 5)];
        assert_eq!(one, other);
        assert_ne!(one, life(policy, 6));
        assert_eq!((one.refused, one.unanswered), (0, 0));
    }
}

#[test]
fn replies_of_several_workers_wait_for_one_sync() {
    let most = (0..5).map(|seed| life("always", seed).waited_together).max();
    assert_eq!(most, Some(WORKERS));
}
