//! Where a value ends, without making it: what whoever divides data among threads has to know of it.
//!
//! It takes a step a string instead of one a byte, and believes more than `read` does. What is wrong with a
//! value is found by whoever makes it.

use super::cursor::{Cursor, Fault};
use super::tag;

/// Bytes of an ID of a stream, of a time and of a score.
const ID_BYTES: usize = 16;
const TIME_BYTES: usize = 8;
const SCORE_BYTES: usize = 8;

/// Passes over the value that follows a type. False: how that type is laid out is not known
/// here, and nothing is passed over.
pub(crate) fn skip(kind: u8, cursor: &mut Cursor<'_>) -> Result<bool, Fault> {
    match kind {
        tag::STRING
        | tag::HASH_ZIPMAP
        | tag::HASH_ZIPLIST
        | tag::HASH_LISTPACK
        | tag::LIST_ZIPLIST
        | tag::SET_INTSET
        | tag::SET_LISTPACK
        | tag::ZSET_ZIPLIST
        | tag::ZSET_LISTPACK => cursor.skip_string()?,
        tag::LIST | tag::LIST_QUICKLIST | tag::SET => each(cursor, Cursor::skip_string)?,
        tag::LIST_QUICKLIST2 => each(cursor, |cursor| {
            cursor.length()?;
            cursor.skip_string()
        })?,
        tag::HASH => each(cursor, |cursor| {
            cursor.skip_string()?;
            cursor.skip_string()
        })?,
        tag::HASH_METADATA => {
            cursor.take(TIME_BYTES)?;
            each(cursor, |cursor| {
                cursor.length()?;
                cursor.skip_string()?;
                cursor.skip_string()
            })?;
        }
        tag::HASH_LISTPACK_EX => {
            cursor.take(TIME_BYTES)?;
            cursor.skip_string()?;
        }
        tag::ZSET_2 => each(cursor, |cursor| {
            cursor.skip_string()?;
            cursor.take(SCORE_BYTES).map(drop)
        })?,
        tag::STREAM | tag::STREAM_2 | tag::STREAM_3 => skip_stream(kind, cursor)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// See the text of `stream.rs`.
fn skip_stream(kind: u8, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    each(cursor, |cursor| {
        cursor.skip_string()?;
        cursor.skip_string()
    })?;
    // Length and last ID; then first ID, last deleted ID and entries added.
    let numbers = if kind == tag::STREAM { 3 } else { 8 };
    for _ in 0..numbers {
        cursor.length()?;
    }
    each(cursor, |cursor| {
        cursor.skip_string()?;
        // The last ID, then the entries read.
        let numbers = if kind == tag::STREAM { 2 } else { 3 };
        for _ in 0..numbers {
            cursor.length()?;
        }
        each(cursor, |cursor| {
            cursor.take(ID_BYTES + TIME_BYTES)?;
            cursor.length().map(drop)
        })?;
        each(cursor, |cursor| {
            cursor.skip_string()?;
            let times = if kind == tag::STREAM_3 { 2 } else { 1 };
            cursor.take(times * TIME_BYTES)?;
            each(cursor, |cursor| cursor.take(ID_BYTES).map(drop))
        })
    })
}

/// Takes a step for each of those whose number stands next.
fn each<'a>(
    cursor: &mut Cursor<'a>,
    mut step: impl FnMut(&mut Cursor<'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    for _ in 0..cursor.length()? {
        step(cursor)?;
    }
    Ok(())
}
