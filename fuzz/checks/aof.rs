//! What must hold for any bytes that claim to be an append-only file: no panic, the same outcome however they arrive in
//! pieces, and what is said to be worth keeping can be read again as a whole. What is found by a search for batches can be read
//! from there on.

use std::ops::Range;

use persist::aof::{Damage, Reader, Search, Tail};

/// Panics if the reader misbehaves on `bytes`.
pub(crate) fn check(bytes: &[u8]) {
    let (commands, end) = read(bytes, bytes.len().max(1));
    for piece in [1, 13] {
        assert_eq!(read(bytes, piece), (commands.clone(), end.clone()), "in pieces of {piece}");
    }
    if let Ok(Tail::Torn(whole)) = end {
        let kept = &bytes[..whole as usize];
        assert_eq!(read(kept, kept.len().max(1)), (commands, Ok(Tail::Whole)));
    }
    if let Some(batch) = Search::new(0, 0).look(bytes) {
        assert!(bytes[batch.offset as usize..].starts_with(b"#BATCH:"));
        let mut search = Search::new(0, 0);
        assert_eq!(bytes.chunks(13).find_map(|piece| search.look(piece)), Some(batch));
    }
}

/// The commands that were handed over, and how it ended.
fn read(bytes: &[u8], piece: usize) -> (Vec<Vec<Vec<u8>>>, Result<Tail, Damage>) {
    let mut reader = Reader::new(0);
    let mut commands = Vec::new();
    let mut apply = |buffer: &[u8], args: &[Range<usize>]| {
        commands.push(args.iter().map(|range| buffer[range.clone()].to_vec()).collect());
        Ok(())
    };
    let mut pending = Vec::new();
    for piece in bytes.chunks(piece) {
        pending.extend_from_slice(piece);
        match reader.read(&pending, &mut apply) {
            Ok(consumed) => drop(pending.drain(..consumed)),
            Err(damage) => return (commands, Err(damage)),
        }
    }
    let end = reader.end(&pending);
    (commands, end)
}
