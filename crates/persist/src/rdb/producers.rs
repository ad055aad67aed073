//! What producers have added to a stream lately, in a note before the stream.
//!
//! Redis got this with version 8.6, in a type of streams that older ones refuse. A note of an unknown name is passed
//! over by every Redis, so a file with this one is read by 7.0 too, which then knows nothing of producers.
//!
//! ```text
//! note     = "stream-producers"  (limits  added  duplicates  named*)
//! limits   = seconds  names of a producer
//! named    = producer  name  ms  seq
//! ```
//! Numbers are lengths and texts are strings as elsewhere in the file.

use value::stream::{Id, Limits, Named, Producers};

use super::cursor::{Cursor, Fault};
use super::error::Problem;
use super::output::Output;

/// The name of the note.
pub(crate) const NOTE: &[u8] = b"stream-producers";

/// What the note says.
pub(crate) fn write(producers: &Producers) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut output = Output::new(&mut bytes, None);
    let Limits { duration_s, max_names } = producers.limits;
    for number in [duration_s.into(), max_names.into(), producers.added, producers.duplicates] {
        output.length(number);
    }
    for Named { producer, name, id } in producers.iter() {
        output.string(producer);
        output.string(name);
        output.length(id.ms);
        output.length(id.seq);
    }
    bytes
}

/// Reads what a note says.
pub(crate) fn read(note: &[u8], max_string_bytes: u64) -> Result<Producers, Fault> {
    let broken = || Fault::Bad(Problem::Block("the note about the producers of a stream is broken"));
    // All of the note is there, so what is missing will not come.
    let whole = |fault| if matches!(fault, Fault::Short { .. }) { broken() } else { fault };
    let mut cursor = Cursor::new(note, max_string_bytes);
    read_whole(&mut cursor, broken).map_err(whole)
}

fn read_whole(cursor: &mut Cursor<'_>, broken: impl Fn() -> Fault) -> Result<Producers, Fault> {
    let mut limit = |most: u32| {
        let number = u32::try_from(cursor.length()?).ok().filter(|number| (1..=most).contains(number));
        number.ok_or_else(&broken)
    };
    let limits = Limits { duration_s: limit(Limits::MAX_DURATION_S)?, max_names: limit(Limits::MAX_NAMES)? };
    let mut producers = Producers::new(limits);
    producers.added = cursor.length()?;
    producers.duplicates = cursor.length()?;
    while !cursor.is_at_end() {
        let (producer, name) = (cursor.string()?, cursor.string()?);
        let id = Id::new(cursor.length()?, cursor.length()?);
        producers.insert(Named { producer: &producer, name: &name, id });
    }
    Ok(producers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn producers(names: usize) -> Producers {
        let mut producers = Producers::new(Limits { duration_s: 7, max_names: 50 });
        for number in 0..names as u64 {
            let name = (number * 1_000_000).to_string();
            let producer = [b'p', (number % 3) as u8];
            producers.record(Named {
                producer: &producer,
                name: name.as_bytes(),
                id: Id::new(number, number << 40),
            });
        }
        producers.duplicates = 300;
        producers
    }

    #[test]
    fn what_was_written_is_read_and_nothing_less() {
        for names in [0, 1, 120] {
            let written = producers(names);
            let note = write(&written);
            let read = read(&note, 1000).expect("it was just written");
            assert_eq!(
                (read.limits, read.added, read.duplicates),
                (written.limits, written.added, written.duplicates)
            );
            assert!(read.iter().eq(written.iter()));
        }
        let note = write(&producers(1));
        for length in 0..note.len() {
            // Without its only name it is whole too.
            let is_whole = read(&note[..length], 1000).is_ok();
            assert_eq!(is_whole, length == write(&producers(0)).len(), "{length}");
        }
        assert!(read(&[7, 0, 0, 0], 1000).is_err(), "no producer may have no names at all");
    }
}
