//! An increment to which nobody writes any more loses its end, although it was on disk: a start refuses, also where the cut lies exactly
//! between two batches, and nothing follows that would not fit.

use std::path::PathBuf;
use std::sync::Arc;

use disk::{Disk, Double};
use persist::aof::{ANNOUNCEMENT, Mark, Part, Reader};

use super::plant::{Plant, config, empty_disk, path};
use super::record::{Found, Record, start};
use super::script::{APPENDS, steps};
use super::servant::Speed;
use super::world::live;
use crate::clock::hand::Hand;

/// A rewrite that ends.
const REWRITE: &str = "
    (turn)
    BGREWRITEAOF
    (turn)
    (saver)
    (turn)
";

/// The path of an increment.
fn increment(number: u64) -> PathBuf {
    path(&format!("appendonlydir/appendonly.aof.{number}.incr.aof"))
}

/// A disk on which a rewrite has begun behind a script that never ends: an increment is closed, and the next one holds nothing yet.
fn closed(script: &str) -> (Double, Record) {
    let (hand, disk) = (Hand::new(), empty_disk(1));
    hand.take();
    let plant = Plant::start(&disk, config(&[("appendonly", "yes")])).expect("nothing fails");
    let record = live(&plant, &disk, &hand, (&steps(script), 1, Speed { max_sync_us: 1_000 }), |world| {
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

/// What a start finds when an increment ends at a place.
fn start_cut(disk: &Double, record: &Record, number: u64, place: u64) -> Found {
    let copy = disk.copy();
    disk_of(&copy).truncate(&increment(number), place).expect("nothing fails");
    start(&copy, config(&[("appendonly", "yes")]), record, 0).expect("no wrong data")
}

#[test]
fn a_closed_increment_without_its_end_is_refused() {
    let behind_a_base = format!("{APPENDS}{REWRITE}{APPENDS}");
    for (script, number) in [(APPENDS, 1), (&behind_a_base, 2)] {
        let (disk, record) = closed(script);
        let bytes = disk_of(&disk).read(&increment(number)).expect("it is there");
        assert_eq!(disk_of(&disk).read(&increment(number + 1)).expect("it is there"), ANNOUNCEMENT);
        let length = bytes.len() as u64;
        assert_eq!(start_cut(&disk, &record, number, length), Found::State(record.last()));
        let between = places(&bytes);
        assert!(between.len() > 10, "{between:?}");
        for place in between.into_iter().chain((0..length).step_by(997)) {
            let Found::Refusal(reason) = start_cut(&disk, &record, number, place) else {
                panic!("cut at {place}")
            };
            let told = format!("ended at byte {length} behind batch");
            assert!(reason.contains(&told), "cut at {place}: {reason}");
        }
    }
}

#[test]
fn an_increment_that_was_closed_without_a_batch_behind_a_base_is_whole() {
    let (disk, record) = closed(&format!("{APPENDS}{REWRITE}"));
    for number in [2, 3] {
        assert_eq!(disk_of(&disk).read(&increment(number)).expect("it is there"), ANNOUNCEMENT);
    }
    let length = ANNOUNCEMENT.len() as u64;
    assert_eq!(start_cut(&disk, &record, 2, length), Found::State(record.last()));
    for place in 0..length {
        let Found::Refusal(reason) = start_cut(&disk, &record, 2, place) else { panic!("cut at {place}") };
        assert!(reason.contains("ended at byte 12 behind batch"), "cut at {place}: {reason}");
    }
}

#[test]
fn without_the_note_a_cut_between_two_batches_is_not_known() {
    let (disk, record) = closed(APPENDS);
    let bytes = disk_of(&disk).read(&increment(1)).expect("it is there");
    let noted = path("appendonlydir/appendonly.aof.manifest.checksums");
    disk_of(&disk).remove(&noted).expect("nothing fails");
    let last = *places(&bytes).last().expect("there are some");
    assert!(matches!(start_cut(&disk, &record, 1, last), Found::State(state) if state < record.last()));
}
