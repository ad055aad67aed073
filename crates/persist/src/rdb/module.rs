//! What modules of Redis leave in an RDB file. None of it can be used here, but it can be passed over.

use super::cursor::{Cursor, Fault};
use super::error::Problem;

/// Letters of a module's name, six bits each from the top of its number.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Letters in a name.
const NAME_LETTERS: u32 = 9;
/// Bits of the number below the name: the version of the module's encoding.
const VERSION_BITS: u32 = 10;

/// The parts of a module's data, each behind its number.
const END: u64 = 0;
const SIGNED: u64 = 1;
const UNSIGNED: u64 = 2;
const FLOAT: u64 = 3;
const DOUBLE: u64 = 4;
const STRING: u64 = 5;

/// Passes over a value, which Redis 4.0 and later write in parts; returns the name of the module's type.
pub(crate) fn skip_value(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    let name = read_name(cursor)?;
    skip_parts(cursor)?;
    Ok(name)
}

/// Passes over what a module keeps beside the keys; returns the module's name.
pub(crate) fn skip_data(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    let name = read_name(cursor)?;
    // When it was written, before or after the keys, stands in front as a number of its own.
    if cursor.length()? != UNSIGNED {
        return Err(Problem::Range("a module's data does not begin with a number").into());
    }
    cursor.length()?;
    skip_parts(cursor)?;
    Ok(name)
}

fn skip_parts(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    loop {
        match cursor.length()? {
            END => return Ok(()),
            SIGNED | UNSIGNED => drop(cursor.length()?),
            FLOAT => drop(cursor.take(size_of::<f32>())?),
            DOUBLE => drop(cursor.take(size_of::<f64>())?),
            STRING => cursor.skip_string()?,
            _ => return Err(Problem::Range("a module's data has a part of an unknown kind").into()),
        }
    }
}

/// The name that stands in front of everything a module has written: of the module's type of values.
pub(crate) fn read_name(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    let module = cursor.length()?;
    let letter = |index| LETTERS[(module >> (VERSION_BITS + 6 * index)) as usize & 63];
    Ok((0..NAME_LETTERS).rev().map(|index| char::from(letter(index))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_of_a_module_is_passed_over_and_its_name_known() {
        let mut number = 0_u64;
        for letter in b"ReJSON-RL" {
            let index = LETTERS.iter().position(|other| other == letter).expect("a letter");
            number = number << 6 | index as u64;
        }
        let mut bytes = vec![0x81];
        bytes.extend_from_slice(&(number << VERSION_BITS | 3).to_be_bytes());
        bytes.extend_from_slice(b"\x02\x01\x02\x07\x05\x02hi\x03\0\0\0\0\x04\0\0\0\0\0\0\0\0\x00");
        for skip in [skip_data, skip_value] {
            let mut cursor = Cursor::new(&bytes, 100);
            assert_eq!(skip(&mut cursor).as_deref(), Ok("ReJSON-RL"));
            assert!(cursor.is_at_end());
            let mut cut = Cursor::new(&bytes[..bytes.len() - 1], 100);
            assert!(matches!(skip(&mut cut), Err(Fault::Short { .. })));
        }
    }
}
