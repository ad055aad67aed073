//! A desk, and workers that change what it has not encoded yet between its steps.

use std::io;
use std::sync::atomic::AtomicBool;

use config::Config;
use disk::{Call, Fault, around};
use keyspace::{Witness, WorkerId};

use super::super::practice::{Large, Practice};
use super::super::{Form, Place, Sheet, Watch, keys};
use super::*;
use crate::laboratory::plant::path;
use crate::progress::KeyProgress;

/// More than some pieces.
const KEYS: usize = 20_000;
const FIELDS: usize = 30_000;

/// Encodes all keys but the one that is put aside, and its head.
fn begin_the_only_one(desk: &mut Desk<'_, '_>) -> io::Result<Body> {
    while let Some(pages) = desk.pieces.next_pages(desk.cut) {
        desk.pieces.encode(desk.bench, &pages);
    }
    let Some(Next::Large(put_aside)) = desk.pieces.await_next(desk.sheet.watch.given_up) else {
        panic!("it is put aside")
    };
    let LargeValue { mut head, body, .. } = put_aside;
    desk.put(&mut head)?;
    Ok(body)
}

/// The same of one with members, which are lent.
fn lend_the_only_one(desk: &mut Desk<'_, '_>) -> io::Result<LargePart> {
    let Body::Members(members) = begin_the_only_one(desk)? else { panic!("it has members") };
    Ok(LargePart::begin(desk.writer, desk.cut, (DbIndex(0), b"large"), members))
}

/// The same of a list or stream.
fn begin_the_only_sequence<'a>(desk: &mut Desk<'_, 'a>) -> io::Result<SequencePart<'a>> {
    let Body::Sequence(sequence) = begin_the_only_one(desk)? else { panic!("it has an order") };
    Ok(SequencePart::begin(desk.writer, desk.cut, (DbIndex(0), b"large"), *sequence, desk.sheet.place))
}

/// Saves all data as `work` says.
fn save(practice: &Practice, work: impl FnOnce(&mut Desk<'_, '_>) -> io::Result<()>) -> io::Result<()> {
    let (disk, image) = (practice.disk(), practice.image());
    let (given_up, progress) = (AtomicBool::new(false), KeyProgress::default());
    let watch = Watch { given_up: &given_up, progress: &progress };
    let path = path("dump.rdb");
    let file = disk.create(&path)?;
    let total = keys(&image.snapshot);
    let place = Place::beside(&disk, &path);
    let mut sheet = Sheet { file: &file, place, written: &mut 0, small: Vec::new(), total, watch };
    let form = Form { compression: false, ..Form::dump(&Config::default()) };
    write_with(&mut sheet, image, form, 0, work)?;
    sheet.flush()?;
    file.sync()?;
    disk.sync_folder(around(&path))
}

#[test]
fn what_workers_take_before_all_is_found_to_be_taken_is_in_the_file() {
    let practice = Practice::new();
    practice.set_keys(KEYS, "before");
    let saved = save(&practice, |desk| {
        assert!(desk.step()?);
        practice.set_keys(KEYS / 2, "behind");
        while let Some(pages) = desk.cut.take() {
            desk.pieces.look(WorkerId(0), pages);
        }
        assert!(!desk.step()?, "workers have encoded all the rest");
        Ok(())
    });
    saved.expect("it is saved");
    Practice::on(practice.double).check_keys(KEYS, "before");
}

#[test]
fn what_workers_have_left_is_in_the_file() {
    let practice = Practice::new();
    practice.set_fields("hash", FIELDS, "before");
    practice.set_fields("another", FIELDS, "before");
    let saved = save(&practice, |desk| {
        practice.set_fields("hash", 1, "behind");
        practice.set_fields("another", 1, "behind");
        assert!(desk.cut.take().is_none_or(|pages| pages.is_empty()), "they are left to the desk");
        while desk.step()? {}
        Ok(())
    });
    saved.expect("it is saved");
    let found = Practice::on(practice.double);
    found.check_fields("hash", FIELDS, "before");
    found.check_fields("another", FIELDS, "before");
}

#[test]
fn members_that_workers_change_stand_behind_the_head_of_their_value_whatever_has_been_taken_before() {
    for (large, steps) in Large::UNORDERED.into_iter().flat_map(|large| [(large, 0), (large, 3)]) {
        let practice = Practice::new();
        practice.fill(large, "large", FIELDS, "before");
        let saved = save(&practice, |desk| {
            let mut part = lend_the_only_one(desk)?;
            for _ in 0..steps {
                assert!(part.step(|bytes| desk.put(bytes))?);
            }
            practice.fill(large, "large", FIELDS, "behind");
            while part.step(|bytes| desk.put(bytes))? {}
            part.end(|bytes| desk.put(bytes))
        });
        saved.expect("it is saved");
        practice.check(large, "large", FIELDS, "behind");
        Practice::on(practice.double).check(large, "large", FIELDS, "before");
    }
}

#[test]
fn lists_and_streams_are_saved_as_they_were_whatever_has_been_written_before_they_are_changed() {
    for (large, steps) in Large::ORDERED.into_iter().flat_map(|large| [(large, 0), (large, 3)]) {
        let practice = Practice::new();
        practice.fill(large, "large", FIELDS, "before");
        let saved = save(&practice, |desk| {
            let mut part = begin_the_only_sequence(desk)?;
            for _ in 0..steps {
                assert!(part.step(|bytes| desk.put(bytes))?);
            }
            practice.fill(large, "large", FIELDS, "behind");
            while part.step(|bytes| desk.put(bytes))? {}
            part.end(|bytes| desk.put(bytes))
        });
        saved.expect("it is saved");
        practice.check(large, "large", FIELDS, "behind");
        Practice::on(practice.double).check(large, "large", FIELDS, "before");
    }
}

#[test]
fn a_file_without_some_members_of_a_large_value_is_none() {
    for large in Large::UNORDERED {
        let practice = Practice::new();
        practice.fill(large, "large", FIELDS, "before");
        let saved = save(&practice, |desk| {
            let mut part = lend_the_only_one(desk)?;
            assert!(part.lose());
            while part.step(|bytes| desk.put(bytes))? {}
            part.end(|bytes| desk.put(bytes))
        });
        let error = saved.expect_err("some are lost").to_string();
        assert!(error.ends_with("of 30000 members of a large value have been encoded"), "{error}");
    }
}

/// Changes a large value from its end on while it is written from the front; `change` changes some elements of it.
fn save_while_it_is_changed(large: Large, change: impl Fn(&Practice, std::ops::Range<usize>)) {
    const ELEMENTS: usize = 60_000;
    const ROUND: usize = ELEMENTS / 20;
    let practice = Practice::new();
    practice.fill(large, "large", ELEMENTS, "before");
    let saved = save(&practice, |desk| {
        let mut part = begin_the_only_sequence(desk)?;
        let mut most = 0;
        for end in (ROUND..=ELEMENTS).rev().step_by(ROUND) {
            change(&practice, end - ROUND..end);
            most = most.max(part.waiting_bytes());
            if !part.step(|bytes| desk.put(bytes))? {
                break;
            }
        }
        assert!((1..SnapshotWriter::PIECE_BYTES * 2).contains(&most), "{most}");
        part.end(|bytes| desk.put(bytes))
    });
    saved.expect("it is saved");
    Practice::on(practice.double).check(large, "large", ELEMENTS, "before");
}

#[test]
fn what_is_changed_of_a_list_before_its_turn_is_not_kept_in_memory() {
    save_while_it_is_changed(Large::List, |practice, positions| {
        practice.set_elements("large", positions.step_by(100), "behind");
    });
}

#[test]
fn what_is_deleted_of_a_stream_before_its_turn_is_not_kept_in_memory() {
    save_while_it_is_changed(Large::Stream, |practice, numbers| {
        practice.delete_entries("large", numbers.step_by(30));
    });
}

#[test]
fn a_list_is_saved_though_the_disk_takes_nothing_that_waits_for_its_turn() {
    for call in [Call::Create, Call::Remove, Call::Append] {
        let practice = Practice::new();
        practice.fill(Large::List, "large", FIELDS, "before");
        let saved = save(&practice, |desk| {
            let mut part = begin_the_only_sequence(desk)?;
            practice.set_elements("large", (0..FIELDS).step_by(50), "behind");
            practice.double.spoil(call, Fault::NoRoom);
            let mut kept = Vec::new();
            let mut keep = |bytes: &mut Vec<u8>| {
                kept.append(bytes);
                Ok(())
            };
            assert!(part.step(&mut keep)?);
            while part.step(&mut keep)? {}
            part.end(&mut keep)?;
            practice.double.heal();
            desk.put(&mut kept)
        });
        saved.expect("it is saved");
        Practice::on(practice.double).check(Large::List, "large", FIELDS, "before");
    }
}

#[test]
fn a_file_without_some_of_the_keys_is_none() {
    let practice = Practice::new();
    practice.set_keys(KEYS, "before");
    let saved = save(&practice, |desk| {
        let lost = desk.cut.take().expect("there are some");
        assert!(!lost.is_empty());
        while desk.step()? {}
        Ok(())
    });
    let error = saved.expect_err("some are lost").to_string();
    assert!(error.ends_with("of 20000 keys have been encoded"), "{error}");
}

#[test]
fn many_large_values_are_saved_with_encoders_and_without() {
    let values = [
        ("one", Large::Hash),
        ("two", Large::Set),
        ("three", Large::TimedHash),
        ("four", Large::Hash),
        ("five", Large::Set),
        ("six", Large::ZSet),
        ("seven", Large::List),
        ("eight", Large::Stream),
    ];
    for encoders in [0, 2] {
        let practice = Practice::new();
        for (name, large) in values {
            practice.fill(large, name, FIELDS, "before");
        }
        let before = practice.image();
        let path = path("dump.rdb");
        let (given_up, progress) = (AtomicBool::new(false), KeyProgress::default());
        let watch = Watch { given_up: &given_up, progress: &progress };
        let form = Form::dump(&Config::default());
        let manner = super::super::Manner::Helped(encoders);
        super::super::write(&practice.disk(), &path, before, form, manner, watch).expect("it is saved");
        practice.disk().sync_folder(around(&path)).expect("nothing fails");
        let found = Practice::on(practice.double);
        for (name, large) in values {
            found.check(large, name, FIELDS, "before");
        }
    }
}
