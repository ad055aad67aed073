//! A value whose members workers change while it is put into a file.

use persist::rdb::Body;
use persist::{LargeValue, Made};

use super::super::pieces::Pieces;
use super::super::practice::{self, Practice};
use super::*;

impl LargePart {
    /// Loses some members; false: there are none.
    pub(in super::super) fn lose(&mut self) -> bool {
        !self.members.take().is_empty()
    }
}

const FIELDS: usize = 30_000;

#[test]
fn workers_leave_long_fields_to_whoever_writes_the_file() {
    let practice = Practice::new();
    practice.set_fields("hash", FIELDS, "before");
    let image = practice.image();
    let writer = practice::writer(&image);
    let witness = Arc::new(Pieces::new(&writer, 1));
    let cut = image.snapshot.lend(Arc::clone(&image.keyspace), witness);
    let mut hash = None;
    while let Some(pages) = cut.take() {
        writer.scribe().encode(&pages, &mut Vec::new(), &mut |made| {
            if let Made::Aside(aside) = made {
                hash = Some(aside);
            }
        });
    }
    let LargeValue { database, key, body, .. } = hash.expect("it is large");
    let Body::Members(members) = body else { panic!("it has members") };
    let mut part = LargePart::begin(&writer, &cut, (database, &key), members);
    practice.set_fields("hash", FIELDS, "behind");
    let left: usize = part.bench.work.lock().news.left.iter().map(MemberPages::len).sum();
    let by_workers = part.bench.work.lock().encoded;
    assert!((practice::LONG_FIELDS..FIELDS / 10).contains(&left), "{left}");
    assert_eq!(left + by_workers, FIELDS);
    let put = |bytes: &mut Vec<u8>| {
        bytes.clear();
        Ok(())
    };
    while part.step(put).expect("nothing fails") {}
    part.end(put).expect("all fields have been encoded");
}
