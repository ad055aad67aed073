//! Every bit of a file is flipped: a start finds all data, or refuses.
//!
//! An ordinary run flips some of the bits; with `RUSTYPOTATO_LABORATORY=whole` it flips all.

use std::sync::Arc;

use config::Config;
use disk::{Disk, Double};

use super::plant::{Plant, config, empty_disk, path};
use super::record::{Found, Record, start};
use super::script::{APPENDS, steps};
use super::servant::Speed;
use super::sweeps::is_whole;
use super::world::live;
use crate::clock::hand::Hand;

/// The least size of the files.
const FILE_BYTES: usize = 64 * 1024;

/// A server whose snapshots are as large as its data.
fn parameters(appendonly: &str) -> Config {
    config(&[("appendonly", appendonly), ("rdbcompression", "no")])
}

/// A disk on which a server has lived by a script, and has synced and saved everything.
fn lived() -> (Double, Record) {
    let (hand, disk) = (Hand::new(), empty_disk(1));
    hand.take();
    let plant = Plant::start(&disk, parameters("yes")).expect("nothing fails");
    let record = live(&plant, &disk, &hand, (&steps(APPENDS), 1, Speed { max_sync_us: 1_000 }), |world| {
        world.run();
        world.pass(1000);
        world.ask(&[vec!["SAVE".to_owned()]]);
        std::mem::take(&mut world.record)
    });
    (disk, record)
}

/// Flips bits of a file, one at a time; gives how many starts found all data, an earlier state, and refused.
fn flip(name: &str, appendonly: &str) -> [usize; 3] {
    let (disk, record) = lived();
    let path = path(name);
    let bytes = Disk::new(Arc::new(disk.clone())).read(&path).expect("the file is there").len();
    assert!(bytes >= FILE_BYTES, "{bytes} bytes");
    let mut counts = [0; 3];
    for bit in (0..bytes * 8).step_by(if is_whole() { 1 } else { 509 }) {
        let copy = disk.copy();
        copy.flip(&path, bit);
        let kind = match start(&copy, parameters(appendonly), &record, 0) {
            Ok(Found::State(state)) if record.states[state] == record.states[record.last()] => 0,
            Ok(Found::State(_)) => 1,
            Ok(Found::Refusal(_)) => 2,
            Err(reason) => panic!("bit {bit} of {name}: {reason}"),
        };
        counts[kind] += 1;
    }
    eprintln!("{name}, {bytes} bytes: {counts:?}");
    counts
}

#[test]
fn a_bit_of_the_append_only_file_never_makes_wrong_data() {
    let [whole, less, refused] = flip("appendonlydir/appendonly.aof.1.incr.aof", "yes");
    assert_eq!(less, 0, "nothing is dropped silently");
    // Bits of annotations' names.
    assert!(whole * 500 < refused, "{whole} of {refused} are passed over");
}

#[test]
fn a_bit_of_a_snapshot_never_makes_wrong_data() {
    let [whole, less, _] = flip("dump.rdb", "no");
    assert_eq!((whole, less), (0, 0), "its checksum tells");
}
