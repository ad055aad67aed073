//! An increment to which nobody writes any more loses its end, although it was on disk: a start refuses, also where the cut lies exactly
//! between two batches, and nothing follows that would not fit.

use std::sync::Arc;

use disk::{Disk, Double};
use persist::aof::{ANNOUNCEMENT, Mark, Part, Reader};

use super::plant::{Plant, config, empty_disk, path};
use super::record::{Found, Record, start};
use super::script::{APPENDS, steps};
use super::servant::Speed;
use super::world::live;
use crate::clock::hand::Hand;

const CLOSED: &str = "appendonlydir/appendonly.aof.1.incr.aof";
const NEXT: &str = "appendonlydir/appendonly.aof.2.incr.aof";

/// A disk on which a rewrite has begun that never ends: an increment is closed, and the next one holds nothing yet.
fn closed() -> (Double, Record) {
    let (hand, disk) = (Hand::new(), empty_disk(1));
    hand.take();
    let plant = Plant::start(&disk, config(&[("appendonly", "yes")])).expect("nothing fails");
    let record = live(&plant, &disk, &hand, (&steps(APPENDS), 1, Speed { max_sync_us: 1_000 }), |world| {
        world.run();
        world.ask(&[vec!["BGREWRITEAOF".to_owned()]]);
        world.turn();
        std::mem::take(&mut world.record)
    });
    (disk, record)
}

fn disk_of(double: &Double) -> Disk {
    Disk::new(Arc::new(double.clone()))
}

/// Where the batches of a file begin, behind the first one.
fn places(bytes: &[u8]) -> Vec<u64> {
    let mut places = Vec::new();
    let mut take = |part: Part<'_>| {
        if let Part::Mark(Mark::Batch(batch)) = part {
            places.push(batch.offset);
        }
        Ok(())
    };
    Reader::new(0).visit(bytes, &mut take).expect("it is sound");
    places.split_off(1)
}

/// What a start finds when the closed increment ends at a place.
fn start_cut(disk: &Double, record: &Record, place: u64) -> Found {
    let copy = disk.copy();
    disk_of(&copy).truncate(&path(CLOSED), place).expect("nothing fails");
    start(&copy, config(&[("appendonly", "yes")]), record, 0).expect("no wrong data")
}

#[test]
fn a_closed_increment_without_its_end_is_refused() {
    let (disk, record) = closed();
    let bytes = disk_of(&disk).read(&path(CLOSED)).expect("it is there");
    assert_eq!(disk_of(&disk).read(&path(NEXT)).expect("it is there"), ANNOUNCEMENT);
    let length = bytes.len() as u64;
    assert_eq!(start_cut(&disk, &record, length), Found::State(record.last()));
    let between = places(&bytes);
    assert!(between.len() > 10, "{between:?}");
    for place in between.into_iter().chain((0..length).step_by(997)) {
        let Found::Refusal(reason) = start_cut(&disk, &record, place) else { panic!("cut at {place}") };
        assert!(reason.contains(&format!("ended at byte {length} behind batch")), "cut at {place}: {reason}");
    }
}

#[test]
fn without_the_note_a_cut_between_two_batches_is_not_known() {
    let (disk, record) = closed();
    let bytes = disk_of(&disk).read(&path(CLOSED)).expect("it is there");
    let noted = path("appendonlydir/appendonly.aof.manifest.checksums");
    disk_of(&disk).remove(&noted).expect("nothing fails");
    let last = *places(&bytes).last().expect("there are some");
    assert!(matches!(start_cut(&disk, &record, last), Found::State(state) if state < record.last()));
}
