//! Where a file is put together whose pieces are made by many.
//!
//! One thread sits there. It puts into the file what waits in the queue ([`Pieces`]) and encodes what stands there by itself, and where
//! no other thread encodes, all the rest. It is done when all pages of the cut have been taken, nobody encodes any more and the queue
//! is empty: workers have shown theirs by then, since they do so under the lock under which the last ones are found to be taken.

use std::io;
use std::sync::Arc;
use std::thread;

use keyspace::{Cut, DbIndex};
use node::Image;
use persist::rdb::{Body, LargeMembers, Sequence};
use persist::{LargeValue, SnapshotWriter};

use super::large::LargePart;
use super::pieces::{Next, Pieces, Seat};
use super::sequence::SequencePart;
use super::{Form, Sheet, Watch, begin};
use crate::clock;
use crate::priority::{self, Portions};

/// See the module's text.
struct Desk<'d, 'a> {
    sheet: &'d mut Sheet<'a>,
    writer: &'d mut SnapshotWriter,
    pieces: &'d Pieces,
    cut: &'d Cut,
    form: Form,
    bench: usize,
    portions: Portions,
}

/// Writes all data, with so many threads besides the caller's.
pub(super) fn write(sheet: &mut Sheet<'_>, image: Image, form: Form, encoders: usize) -> io::Result<()> {
    write_with(sheet, image, form, encoders, |desk| desk.put_what_comes(encoders))
}

/// Writes all data; `work` takes all pages and empties the queue.
fn write_with(
    sheet: &mut Sheet<'_>,
    image: Image,
    form: Form,
    encoders: usize,
    work: impl FnOnce(&mut Desk<'_, '_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut writer = begin(sheet, &image, form)?;
    // Whoever has access to the keyspace has one of the first benches, each his own.
    let bench = image.keyspace.workers() + encoders;
    let pieces = Arc::new(Pieces::new(&writer, bench + 1));
    let witness = Arc::clone(&pieces);
    let cut = image.snapshot.lend(image.keyspace, witness);
    let (writer_at, portions) = (&mut writer, Portions::default());
    work(&mut Desk { sheet, writer: writer_at, pieces: &pieces, cut: &cut, form, bench, portions })?;
    drop(cut);
    if !pieces.is_empty() {
        return Err(io::Error::other("pieces have been left out"));
    }
    for mut piece in pieces.rest() {
        writer.seal(&mut piece);
        sheet.append(&piece)?;
    }
    sheet.check_whole(pieces.keys())?;
    let mut end = Vec::new();
    writer.finish(&mut end);
    sheet.append(&end)
}

impl Desk<'_, '_> {
    /// Does all there is to do, while other threads encode if there can be any.
    fn put_what_comes(&mut self, encoders: usize) -> io::Result<()> {
        let (pieces, cut, form, watch) = (self.pieces, self.cut, self.form, self.sheet.watch);
        thread::scope(|scope| {
            let _stop = pieces.stop_at_end();
            let spawn = |bench| {
                let seat = pieces.join();
                let thread = thread::Builder::new().name("encoder".to_owned());
                thread.spawn_scoped(scope, move || encode((seat, pieces), bench, cut, form, watch)).is_ok()
            };
            let spawned = (self.bench - encoders..self.bench).filter(|&bench| spawn(bench)).count();
            if spawned == 0 {
                while self.step()? {}
            }
            self.put_what_waits()
        })
    }

    /// Encodes some keys and empties the queue; false: there were none.
    fn step(&mut self) -> io::Result<bool> {
        let pages = self.pieces.next_pages(self.cut);
        let is_some = pages.is_some();
        if let Some(pages) = pages {
            self.pieces.encode(self.bench, &pages);
            let keys = pages.len();
            drop(pages);
            self.form.rest(keys, || self.sheet.watch.is_given_up());
        }
        self.put_what_waits()?;
        Ok(is_some)
    }

    /// Empties the queue, and goes on as long as somebody encodes.
    fn put_what_waits(&mut self) -> io::Result<()> {
        while let Some(next) = self.pieces.await_next(self.sheet.watch.given_up) {
            match next {
                Next::Piece(mut piece) => {
                    self.put(&mut piece)?;
                    self.pieces.give_back(piece);
                }
                Next::Large(large) => self.put_large(large)?,
                Next::Pages(pages) => self.pieces.encode(self.bench, &pages),
            }
            self.go_on()?;
        }
        self.go_on()
    }

    fn put_large(&mut self, mut large: LargeValue) -> io::Result<()> {
        self.put(&mut large.head)?;
        match large.body {
            Body::Members(members) => self.put_members((large.database, &large.key), members),
            Body::Sequence(sequence) => self.put_sequence((large.database, &large.key), *sequence),
        }
    }

    fn put_members(&mut self, place: (DbIndex, &[u8]), members: LargeMembers) -> io::Result<()> {
        let mut part = LargePart::begin(self.writer, self.cut, place, members);
        while part.step(|bytes| self.put(bytes))? {
            self.go_on()?;
        }
        part.end(|bytes| self.put(bytes))
    }

    fn put_sequence(&mut self, place: (DbIndex, &[u8]), sequence: Sequence) -> io::Result<()> {
        let aside = self.sheet.place;
        let mut part = SequencePart::begin(self.writer, self.cut, place, sequence, aside);
        while part.step(|bytes| self.put(bytes))? {
            if part.is_behind() {
                // Whoever lets others go first now gets back to what they have made too late.
                self.sheet.go_on(self.pieces.keys())?;
            } else {
                self.go_on()?;
            }
        }
        part.end(|bytes| self.put(bytes))
    }

    /// Puts bytes into the file, and leaves none.
    fn put(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        self.writer.seal(bytes);
        self.sheet.append(bytes)?;
        bytes.clear();
        Ok(())
    }

    /// What is done behind each piece.
    fn go_on(&mut self) -> io::Result<()> {
        self.portions.give_way(clock::monotonic_ns);
        self.sheet.go_on(self.pieces.keys())
    }
}

/// What a thread does that encodes.
fn encode((_seat, pieces): (Seat<'_>, &Pieces), bench: usize, cut: &Cut, form: Form, watch: Watch<'_>) {
    priority::step_back();
    let mut portions = Portions::default();
    while pieces.await_room(watch.given_up) {
        let Some(pages) = pieces.next_pages(cut) else { break };
        pieces.encode_patiently(bench, &pages, watch.given_up);
        let keys = pages.len();
        // As long as they are there, writers copy them.
        drop(pages);
        portions.give_way(clock::monotonic_ns);
        form.rest(keys, || pieces.is_over(watch.given_up));
    }
}

#[cfg(test)]
mod tests;
