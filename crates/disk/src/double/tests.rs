//! The double fails and forgets as it says.

use std::path::PathBuf;

use rustix::io::Errno;

use super::*;
use crate::Disk;

const EIO: i32 = 5;
const EINTR: i32 = 4;
const ENOSPC: i32 = 28;

fn folder() -> PathBuf {
    PathBuf::from("/data")
}

fn file() -> PathBuf {
    folder().join("file")
}

fn world() -> (Double, Disk) {
    let double = Double::new(&folder(), 1);
    (double.clone(), Disk::new(Arc::new(double)))
}

/// What power cuts leave of the file, each as often as it is different from the others.
fn leavings(double: &Double) -> std::collections::BTreeSet<Option<Vec<u8>>> {
    let after = |seed| {
        let copy = double.copy();
        copy.cut_power(&mut Rng::from_seed(seed));
        Disk::new(Arc::new(copy)).read(&file()).ok()
    };
    (0..200).map(after).collect()
}

#[test]
fn what_is_synced_survives_and_nothing_else_for_sure() {
    let (double, disk) = world();
    disk.write(&file(), b"old").expect("nothing fails");
    assert!(leavings(&double).contains(&None), "neither the name");
    disk.sync(&file()).expect("nothing fails");
    disk.sync_folder(&folder()).expect("nothing fails");
    assert_eq!(leavings(&double), [Some(b"old".to_vec())].into());
    let file = disk.open_to_append(&file()).expect("it is there");
    file.append(b"+new").expect("nothing fails");
    let left = leavings(&double);
    let expected: [&[u8]; 4] = [b"old", b"old+new", b"old\0\0\0\0", b"old+n"];
    for expected in expected {
        assert!(left.contains(&Some(expected.to_vec())), "{left:?}");
    }
    assert!(left.iter().flatten().all(|bytes| bytes.starts_with(b"old")));
    file.sync().expect("nothing fails");
    assert_eq!(leavings(&double), [Some(b"old+new".to_vec())].into());
}

#[test]
fn pages_are_lost_one_by_one_and_torn_between_sectors() {
    let (double, disk) = world();
    disk.write(&file(), b"").and_then(|()| disk.sync_folder(&folder())).expect("nothing fails");
    let pages = [b'x'; 3 * 4096];
    disk.open_to_append(&file()).and_then(|file| file.append(&pages)).expect("nothing fails");
    let left = leavings(&double);
    let is = |bytes: &[u8], first: bool, second: bool| {
        let at = |place: usize| bytes.get(place) == Some(&b'x');
        (at(0), at(4096)) == (first, second)
    };
    for (first, second) in [(true, true), (true, false), (false, true), (false, false)] {
        assert!(left.iter().flatten().any(|bytes| is(bytes, first, second)));
    }
    let is_torn = |bytes: &Vec<u8>| bytes.len() > 512 && bytes[511] == b'x' && bytes[512] == 0;
    assert!(left.iter().flatten().any(is_torn));
}

#[test]
fn what_a_sync_that_failed_has_lost_no_later_one_brings_back() {
    let (double, disk) = world();
    disk.write(&file(), b"").and_then(|()| disk.sync_folder(&folder())).expect("nothing fails");
    let handle = disk.open_to_append(&file()).expect("it is there");
    handle.append(b"bytes").expect("nothing fails");
    double.plan(double.calls()..double.calls() + 1, Fault::Error(EIO));
    assert!(handle.sync().is_err());
    assert_eq!(double.hit(), Some(Call::Sync));
    handle.sync().expect("it says that all is well");
    assert_eq!(disk.read(&file()).expect("it is there"), b"bytes", "and readers see it");
    assert!(!leavings(&double).contains(&Some(b"bytes".to_vec())), "chance has lost it with this seed");
}

#[test]
fn what_is_no_failure_is_gone_on_with() {
    for fault in [Fault::Error(EINTR), Fault::Short] {
        let mut call = 0;
        loop {
            let (double, disk) = world();
            double.plan(call..call + 1, fault);
            disk.write(&file(), b"some bytes").expect("it is no failure");
            disk.sync(&file()).and_then(|()| disk.sync_folder(&folder())).expect("it is no failure");
            assert_eq!(disk.read(&file()).expect("it is no failure"), b"some bytes");
            if double.hit().is_none() {
                break;
            }
            call += 1;
        }
        assert!(call > 5, "each of them was hit");
    }
}

#[test]
fn what_never_comes_to_an_end_is_a_failure() {
    let (double, disk) = world();
    double.spoil(Call::Append, Fault::Nothing);
    let error = disk.write(&file(), b"x").expect_err("nothing is taken");
    assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    double.spoil(Call::Sync, Fault::Error(EINTR));
    assert_eq!(disk.sync(&file()).expect_err("for ever").kind(), io::ErrorKind::Interrupted);
}

#[test]
fn a_full_disk_takes_some_and_fails_while_the_rest_goes_on() {
    let (double, disk) = world();
    disk.write(&file(), b"").expect("nothing fails");
    double.plan(double.calls()..usize::MAX, Fault::NoRoom);
    let handle = disk.open_to_append(&file()).expect("it takes no room");
    assert_eq!(handle.append(b"1234").expect_err("no room").raw_os_error(), Some(ENOSPC));
    assert_eq!(disk.read(&file()).expect("it can be read"), b"12");
    handle.truncate(0).and_then(|()| handle.sync()).expect("it takes no room");
    double.heal();
    handle.append(b"1234").expect("there is room");
}

#[test]
fn after_a_power_cut_nothing_works_until_it_is_back() {
    let (double, disk) = world();
    disk.write(&file(), b"x").expect("nothing fails");
    double.plan(double.calls()..usize::MAX, Fault::PowerCut);
    assert!(disk.sync(&file()).is_err() && double.is_off());
    assert!(disk.length(&file()).is_err());
    double.cut_power(&mut Rng::from_seed(1));
    assert!(!double.is_off() && disk.length(&file()).is_ok());
}

#[test]
fn names_change_durably_with_a_sync_of_their_folder() {
    let (double, disk) = world();
    let inner = folder().join("inner");
    disk.make_folder(&inner).expect("nothing fails");
    let path = inner.join("a");
    disk.write(&path, b"x").and_then(|()| disk.sync(&path)).expect("nothing fails");
    disk.sync_folder(&folder()).expect("nothing fails");
    let is_there = |double: &Double, seed| {
        let copy = double.copy();
        copy.cut_power(&mut Rng::from_seed(seed));
        Disk::new(Arc::new(copy)).length(&path).expect("it can be looked at").is_some()
    };
    assert!((0..50).any(|seed| !is_there(&double, seed)), "that was another folder");
    disk.sync_folder(&inner).expect("nothing fails");
    assert!((0..50).all(|seed| is_there(&double, seed)));
}

#[test]
fn two_names_of_a_file_show_the_same_bytes_and_go_one_by_one() {
    let (double, disk) = world();
    let second = folder().join("second");
    disk.write(&file(), b"one").expect("nothing fails");
    disk.link(&file(), &second).expect("nothing fails");
    let again = disk.link(&file(), &second).expect_err("the name is taken");
    assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    disk.open_to_append(&file()).and_then(|file| file.append(b", two")).expect("nothing fails");
    disk.sync(&second).and_then(|()| disk.sync_folder(&folder())).expect("nothing fails");
    disk.remove(&file()).expect("nothing fails");
    assert_eq!(disk.read(&second).expect("it is there"), b"one, two");
    assert_eq!(leavings(&double), [None, Some(b"one, two".to_vec())].into());
}

#[test]
fn only_a_file_system_without_locks_keeps_nobody_off() {
    let (double, disk) = world();
    disk.write(&file(), b"").expect("nothing fails");
    double.begin_locking();
    for code in [Errno::IO, Errno::BADF, Errno::ACCESS, Errno::MFILE].map(Errno::raw_os_error) {
        double.spoil(Call::Lock, Fault::Error(code));
        for result in [disk.lock(&file()), disk.share(&folder())] {
            assert_eq!(result.expect_err("whether somebody has it is not known").raw_os_error(), Some(code));
        }
    }
    for code in [Errno::NOLCK, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP] {
        double.spoil(Call::Lock, Fault::Error(code.raw_os_error()));
        for result in [disk.lock(&file()), disk.share(&folder())] {
            assert!(result.expect("there are none").is_none());
        }
    }
    double.heal();
    assert!(disk.lock(&file()).expect("nobody has it").is_some());
}
