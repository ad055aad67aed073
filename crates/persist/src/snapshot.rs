//! All data becomes a file.
//!
//! ```text
//!   head │ piece │ piece │ .. │ end
//! ```
//! A *piece* is some keys, and stands on its own: it says which databases they belong to. So pieces can be made by
//! several threads ([`Scribe`]) and stand in the file in the order in which they are finished; one thread puts them
//! there ([`SnapshotWriter`]). The libraries of functions stand in the head, before all keys.
//!
//! A large value may be made in pieces as well. In RDB these have to stand together: [`LargeValue::head`], and then all
//! its members in any order, or what stands in a list or stream. Commands are pieces as they come; those of one key are
//! made by one thread, and stay in order.

use keyspace::{DbIndex, Effect, Libraries, MemberPages, Pages, Seen, Snapshot};
use resp::write_command;
use stdx::number::write_i64;
use stdx::time::UnixMs;
use value::tree::Group;

use crate::aof::{BATCH_BYTES, Framer};
use crate::effect::{encode_effect, encode_value_in_parts};
use crate::rdb::{
    Body, Encoder, EntryEncoder, LargeMembers, MemberForm, Notes, Past, Sequence, SequenceForm, WriteOptions,
    is_large,
};

/// A value that takes so many bytes is encoded by itself.
const LARGE_BYTES: usize = 1 << 20;

/// Makes a file of pieces. Everything that a method leaves in a buffer belongs into the file, in this order.
#[derive(Debug)]
pub struct SnapshotWriter(Form);

/// What the file is made of.
#[derive(Debug)]
enum Form {
    Rdb(Box<Encoder>),
    /// Batches of commands, as in an increment.
    Commands(Framer, UnixMs),
}

/// What [`SnapshotWriter::write_all`] tells.
#[derive(Debug)]
pub enum Step<'a> {
    /// So many more keys have been encoded.
    Encoded(usize),
    /// Bytes belong into the file.
    Bytes(&'a [u8]),
}

/// Makes pieces of keys.
#[derive(Debug)]
pub struct Scribe {
    form: PieceForm,
    /// The database that the piece at hand is about.
    selected: DbIndex,
}

#[derive(Debug)]
enum PieceForm {
    Rdb(EntryEncoder),
    Commands,
}

/// What a [`Scribe`] has made of keys.
#[derive(Debug)]
pub enum Made<'a> {
    /// A piece, in whose place an empty one is to be left.
    Piece(&'a mut Vec<u8>),
    /// This is in no piece, but has to be encoded by itself.
    Aside(LargeValue),
}

/// A large value that is encoded by itself.
#[derive(Debug)]
pub struct LargeValue {
    /// Its database.
    pub database: DbIndex,
    /// Its key.
    pub key: Vec<u8>,
    /// What stands at its beginning.
    pub head: Vec<u8>,
    /// What follows.
    pub body: Body,
}

impl SnapshotWriter {
    /// A piece that has so many bytes is ended.
    pub const PIECE_BYTES: usize = BATCH_BYTES;

    /// Begins an RDB file.
    pub fn rdb(
        snapshot: &Snapshot,
        compression: bool,
        checksum: bool,
        notes: &Notes<'_>,
        out: &mut Vec<u8>,
    ) -> Self {
        let options = WriteOptions { compression, checksum, field_expiry: snapshot.has_field_expiry() };
        let mut encoder = Encoder::new(options, notes, out);
        for library in snapshot.libraries().iter() {
            encoder.library(&library.text, out);
        }
        for database in snapshot.databases() {
            let (keys, expiring) = snapshot.len(database);
            encoder.database(database, keys, expiring, out);
        }
        Self(Form::Rdb(Box::new(encoder)))
    }

    /// Begins an RDB file that will have no keys.
    pub fn rdb_without_keys(
        libraries: Option<&Libraries>,
        checksum: bool,
        notes: &Notes<'_>,
        out: &mut Vec<u8>,
    ) -> Self {
        let options = WriteOptions { compression: false, checksum, field_expiry: false };
        let mut encoder = Encoder::new(options, notes, out);
        for library in libraries.into_iter().flat_map(Libraries::iter) {
            encoder.library(&library.text, out);
        }
        Self(Form::Rdb(Box::new(encoder)))
    }

    /// Begins a file of commands, which tells when it was made if that is wanted.
    pub fn commands(snapshot: &Snapshot, created: UnixMs, notes_time: bool, out: &mut Vec<u8>) -> Self {
        let mut framer = Framer::default();
        if notes_time {
            framer.annotate_time(created, out);
        }
        let mut commands = Vec::new();
        for library in snapshot.libraries().iter() {
            encode_effect(&Effect::AddLibrary { text: &library.text }, &mut commands);
        }
        let mut writer = Self(Form::Commands(framer, created));
        writer.seal(&mut commands);
        out.extend_from_slice(&commands);
        writer
    }

    /// Somebody who makes pieces for this file.
    pub fn scribe(&self) -> Scribe {
        let form = match &self.0 {
            Form::Rdb(encoder) => PieceForm::Rdb(encoder.entry_encoder()),
            Form::Commands(..) => PieceForm::Commands,
        };
        Scribe { form, selected: DbIndex(0) }
    }

    /// Makes a piece ready for its place in the file, which is the next one.
    pub fn seal(&mut self, piece: &mut Vec<u8>) {
        match &mut self.0 {
            Form::Rdb(encoder) => encoder.count_in(piece),
            Form::Commands(..) if piece.is_empty() => {}
            Form::Commands(framer, created) => {
                let commands = std::mem::take(piece);
                framer.frame(&commands, *created, 0, piece);
            }
        }
    }

    /// The end of the file.
    pub fn finish(self, out: &mut Vec<u8>) {
        if let Form::Rdb(encoder) = self.0 {
            encoder.finish(out);
        }
    }

    /// Writes all keys, and the end; `step` puts the bytes into the file.
    pub fn write_all<E>(
        mut self,
        snapshot: Snapshot,
        mut step: impl FnMut(Step<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut scribe = self.scribe();
        let mut piece = Vec::new();
        for pages in snapshot.into_pages() {
            let (mut full, mut aside) = (Vec::new(), Vec::new());
            scribe.encode(&pages, &mut piece, &mut |made| match made {
                Made::Piece(piece) => full.push(std::mem::take(piece)),
                Made::Aside(large) => aside.push(large),
            });
            for mut piece in full {
                self.put(&mut piece, &mut step)?;
            }
            for LargeValue { mut head, body, .. } in aside {
                scribe.encode_body(body, &mut head, &mut |piece| self.put(piece, &mut step))?;
                self.put(&mut head, &mut step)?;
            }
            step(Step::Encoded(pages.len()))?;
        }
        self.seal(&mut piece);
        self.finish(&mut piece);
        step(Step::Bytes(&piece))
    }

    /// Puts bytes into the file, and leaves none.
    fn put<E>(
        &mut self,
        bytes: &mut Vec<u8>,
        step: &mut impl FnMut(Step<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.seal(bytes);
        step(Step::Bytes(bytes))?;
        bytes.clear();
        Ok(())
    }
}

impl Scribe {
    /// Appends keys to a piece, or begins one if it is empty; `hand_on` gets what is ready.
    pub fn encode(&mut self, pages: &Pages, piece: &mut Vec<u8>, hand_on: &mut dyn FnMut(Made<'_>)) {
        for seen in pages.iter() {
            if let Some(large) = self.put_aside(&seen, pages.database()) {
                hand_on(Made::Aside(large));
                continue;
            }
            if piece.is_empty() || self.selected != pages.database() {
                self.select(pages.database(), piece);
            }
            match &mut self.form {
                PieceForm::Rdb(encoder) => encoder.push(&seen, piece),
                PieceForm::Commands => {
                    // Commands need not stand together, if only those of one key stand in their order.
                    let (key, value, expiry) = (seen.key, &seen.value, seen.expiry);
                    encode_value_in_parts(key, value, expiry, piece, &mut |piece| {
                        if piece.len() >= SnapshotWriter::PIECE_BYTES {
                            hand_on(Made::Piece(piece));
                            write_select(pages.database(), piece);
                        }
                    });
                }
            }
            if piece.len() >= SnapshotWriter::PIECE_BYTES {
                hand_on(Made::Piece(piece));
            }
        }
    }

    /// Appends all that follows on the head of a [`LargeValue`] to a piece; `hand_on` gets what
    /// is ready, and leaves it empty.
    fn encode_body<E>(
        &mut self,
        body: Body,
        piece: &mut Vec<u8>,
        hand_on: &mut impl FnMut(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        match body {
            Body::Members(LargeMembers { members, form }) => {
                let mut parts = members.into_remains();
                parts.try_for_each(|pages| self.encode_members(form, &pages, piece, hand_on))
            }
            Body::Sequence(mut sequence) => {
                while self.encode_next(&mut sequence, piece, hand_on)? {}
                Ok(())
            }
        }
    }

    /// Appends what stands next of a [`LargeValue`] to a piece, likewise; false: there is nothing left.
    fn encode_next<E>(
        &mut self,
        sequence: &mut Sequence,
        piece: &mut Vec<u8>,
        hand_on: &mut impl FnMut(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let goes_on = self.entries().push_next(sequence, piece);
        if piece.len() >= SnapshotWriter::PIECE_BYTES {
            hand_on(piece)?;
        }
        Ok(goes_on)
    }

    /// Appends a group of a list or stream to a piece.
    pub fn encode_group(&mut self, form: &SequenceForm, group: &Group, piece: &mut Vec<u8>) {
        self.entries().push_group(form, group, piece);
    }

    /// Appends what stands next behind all groups of a list or stream; false: there is nothing left.
    pub fn encode_past(&mut self, past: &mut Past, piece: &mut Vec<u8>) -> bool {
        self.entries().push_past(past, piece)
    }

    /// Whoever encodes what was put aside.
    fn entries(&mut self) -> &mut EntryEncoder {
        match &mut self.form {
            PieceForm::Rdb(encoder) => encoder,
            PieceForm::Commands => unreachable!("commands put nothing aside"),
        }
    }

    /// Appends members of a [`LargeValue`] to a piece; `hand_on` gets what is ready, in whose
    /// place an empty one is to be left.
    pub fn encode_members<E>(
        &mut self,
        form: MemberForm,
        pages: &MemberPages,
        piece: &mut Vec<u8>,
        hand_on: &mut impl FnMut(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let encoder = self.entries();
        for stored in pages.iter() {
            encoder.push_member(form, &stored, piece);
            // A page may have much more beside it than in it.
            if piece.len() >= SnapshotWriter::PIECE_BYTES {
                hand_on(piece)?;
            }
        }
        Ok(())
    }

    /// A value that would be a piece or more by itself.
    fn put_aside(&mut self, seen: &Seen<'_>, database: DbIndex) -> Option<LargeValue> {
        let PieceForm::Rdb(encoder) = &mut self.form else { return None };
        if !is_large(seen.value, LARGE_BYTES) {
            return None;
        }
        let mut head = Vec::new();
        encoder.select(database, &mut head);
        let body = encoder.begin_large(seen, &mut head)?;
        Some(LargeValue { database, key: seen.key.to_vec(), head, body })
    }

    fn select(&mut self, database: DbIndex, piece: &mut Vec<u8>) {
        self.selected = database;
        match &mut self.form {
            PieceForm::Rdb(encoder) => encoder.select(database, piece),
            PieceForm::Commands => write_select(database, piece),
        }
    }
}

fn write_select(database: DbIndex, piece: &mut Vec<u8>) {
    let mut number = Vec::new();
    write_i64(&mut number, database.0.into());
    write_command(piece, &[b"SELECT", &number[..]]);
}
