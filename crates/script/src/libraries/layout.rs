//! `struct`: values packed into bytes by a format, as Roberto Ierusalimschy's library does.
//!
//! | option | |
//! |---|---|
//! | `>` `<` | big or little endian from here on |
//! | `!n` | alignment, at most `n`, a power of two; 8 without `n` |
//! | `x` | a byte of padding |
//! | `b` `B` `h` `H` `l` `L` `T` | integers of 1, 2, 8 and 8 bytes; in lower case with a sign |
//! | `in` `In` | integers of `n` bytes, 4 without `n` |
//! | `f` `d` | floating point of 4 and 8 bytes |
//! | `s` | a string that ends with a zero byte |
//! | `cn` | a string of `n` bytes, 1 without `n`; of `c0` the length is what was read before, or that of the string |
//! | space | nothing |

use mlua::Value;

use super::{Arguments, Entry, Outcome, said};

/// The largest integer, in bytes.
const MAX_INTEGER: usize = 32;
/// The largest alignment without a number behind `!`.
const MAX_ALIGNMENT: usize = 8;
/// The most results; Lua's stack for library functions takes 8000.
const MAX_RESULTS: usize = 7900;

pub(super) const FUNCTIONS: &[Entry] = &[("pack", pack), ("unpack", unpack), ("size", size)];

/// What stands in a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Padding,
    Integer { size: usize, signed: bool },
    Float,
    Double,
    Characters(usize),
    Text,
}

impl Item {
    fn size(self) -> usize {
        match self {
            Self::Padding => 1,
            Self::Integer { size, .. } | Self::Characters(size) => size,
            Self::Float => 4,
            Self::Double => 8,
            Self::Text => 0,
        }
    }
}

/// Reads a format item by item.
struct Format<'a> {
    arguments: &'a Arguments<'a>,
    text: &'a [u8],
    big_endian: bool,
    alignment: usize,
}

impl<'a> Format<'a> {
    fn new(arguments: &'a Arguments<'a>, text: &'a [u8]) -> Self {
        Self { arguments, text, big_endian: cfg!(target_endian = "big"), alignment: 1 }
    }

    fn next(&mut self) -> Outcome<Option<Item>> {
        loop {
            let Some((&option, rest)) = self.text.split_first() else { return Ok(None) };
            self.text = rest;
            let integer = |size, signed| Ok(Some(Item::Integer { size, signed }));
            return match option {
                b'x' => Ok(Some(Item::Padding)),
                b'b' | b'B' => integer(1, option == b'b'),
                b'h' | b'H' => integer(2, option == b'h'),
                b'l' | b'L' => integer(8, option == b'l'),
                b'T' => integer(8, false),
                b'i' | b'I' => integer(self.integer_size()?, option == b'i'),
                b'f' => Ok(Some(Item::Float)),
                b'd' => Ok(Some(Item::Double)),
                b's' => Ok(Some(Item::Text)),
                b'c' => Ok(Some(Item::Characters(self.number()?.unwrap_or(1)))),
                b' ' => continue,
                b'>' | b'<' => {
                    self.big_endian = option == b'>';
                    continue;
                }
                b'!' => {
                    self.alignment = self.number()?.unwrap_or(MAX_ALIGNMENT);
                    if !self.alignment.is_power_of_two() {
                        return said(format!("alignment {} is not a power of 2", self.alignment));
                    }
                    continue;
                }
                other => self.arguments.bad(1, &format!("invalid format option '{}'", char::from(other))),
            };
        }
    }

    fn integer_size(&mut self) -> Outcome<usize> {
        let size = self.number()?.unwrap_or(4);
        if size > MAX_INTEGER {
            return said(format!("integral size {size} is larger than limit of {MAX_INTEGER}"));
        }
        Ok(size)
    }

    /// The number that follows, if one does.
    fn number(&mut self) -> Outcome<Option<usize>> {
        let digits = self.text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.text.split_at(digits);
        self.text = rest;
        let mut value: u32 = 0;
        for digit in number {
            let next = value.checked_mul(10).and_then(|value| value.checked_add(u32::from(digit - b'0')));
            match next.filter(|&value| i32::try_from(value).is_ok()) {
                Some(next) => value = next,
                None => return said("integral size overflow"),
            }
        }
        Ok((digits > 0).then_some(value as usize))
    }

    /// Bytes until an item behind `length` bytes is aligned.
    fn gap(&self, length: usize, item: Item) -> usize {
        let size = item.size();
        if size == 0 || matches!(item, Item::Characters(_)) {
            return 0;
        }
        let size = size.min(self.alignment);
        // Sizes that are no powers of two are aligned as the mask has it.
        size.wrapping_sub(length & (size - 1)) & (size - 1)
    }
}

fn pack(arguments: &Arguments<'_>) -> Outcome {
    let format = arguments.string(1)?;
    let format = format.as_bytes();
    let mut format = Format::new(arguments, &format);
    let mut out = Vec::new();
    let mut at = 2;
    while let Some(item) = format.next()? {
        if at > arguments.len() && item != Item::Padding {
            let wanted = if matches!(item, Item::Characters(_) | Item::Text) { "string" } else { "number" };
            return arguments.bad(at, &format!("{wanted} expected, got nil"));
        }
        out.resize(out.len() + format.gap(out.len(), item), 0);
        match item {
            Item::Padding => out.push(0),
            Item::Integer { size, .. } => {
                put_integer(&mut out, arguments.number(at)?, size, format.big_endian);
            }
            Item::Float => put(&mut out, &(arguments.number(at)? as f32).to_le_bytes(), format.big_endian),
            Item::Double => put(&mut out, &arguments.number(at)?.to_le_bytes(), format.big_endian),
            Item::Characters(size) => {
                let text = arguments.string(at)?;
                let text = text.as_bytes();
                let size = if size == 0 { text.len() } else { size };
                match text.get(..size) {
                    Some(text) => out.extend_from_slice(text),
                    None => return arguments.bad(at + 1, "string too short"),
                }
            }
            Item::Text => {
                out.extend_from_slice(&arguments.string(at)?.as_bytes());
                out.push(0);
            }
        }
        at += usize::from(item != Item::Padding);
    }
    arguments.text(&out)
}

/// Bytes that are little endian.
fn put(out: &mut Vec<u8>, bytes: &[u8], big_endian: bool) {
    let start = out.len();
    out.extend_from_slice(bytes);
    if big_endian {
        out[start..].reverse();
    }
}

/// The low bytes of an integer; beyond 64 bits there are zeros.
fn put_integer(out: &mut Vec<u8>, number: f64, size: usize, big_endian: bool) {
    let value = if number < 0.0 { number as i64 as u64 } else { number as u64 };
    let mut bytes = [0; MAX_INTEGER];
    bytes[..8].copy_from_slice(&value.to_le_bytes());
    put(out, &bytes[..size], big_endian);
}

fn unpack(arguments: &Arguments<'_>) -> Outcome {
    let (format, data) = (arguments.string(1)?, arguments.string(2)?);
    let (format, data) = (format.as_bytes(), data.as_bytes());
    let first = arguments.number_or(3, 1.0)?;
    if first < 1.0 {
        return arguments.bad(3, "offset must be 1 or greater");
    }
    let (mut format, mut at) = (Format::new(arguments, &format), first as usize - 1);
    let mut results: Vec<Value> = Vec::new();
    while let Some(item) = format.next()? {
        at = at.saturating_add(format.gap(at, item));
        let mut size = item.size();
        if results.len() >= MAX_RESULTS {
            return said("stack overflow (too many results)");
        }
        if item == Item::Characters(0) {
            let Some(length) = results.pop().as_ref().and_then(crate::random::number_of) else {
                return said("format 'c0' needs a previous size");
            };
            size = length as usize;
        }
        let Some(bytes) = data.get(at..).and_then(|rest| rest.get(..size)) else {
            return arguments.bad(2, "data string too short");
        };
        match item {
            Item::Padding => {}
            Item::Integer { signed, .. } => {
                results.push(Value::Number(integer(bytes, signed, format.big_endian)));
            }
            Item::Float => {
                let value = f32::from_le_bytes(ordered(bytes, format.big_endian));
                results.push(Value::Number(f64::from(value)));
            }
            Item::Double => {
                results.push(Value::Number(f64::from_le_bytes(ordered(bytes, format.big_endian))));
            }
            Item::Characters(_) => results.push(Value::String(arguments.lua.create_string(bytes)?)),
            Item::Text => {
                let rest = &data[at..];
                let Some(length) = rest.iter().position(|&byte| byte == 0) else {
                    return said("unfinished string in data");
                };
                results.push(Value::String(arguments.lua.create_string(&rest[..length])?));
                size = length + 1;
            }
        }
        at += size;
    }
    results.push(Value::Integer(at as i64 + 1));
    Ok(results)
}

/// Bytes in little endian order.
fn ordered<const N: usize>(bytes: &[u8], big_endian: bool) -> [u8; N] {
    let mut ordered: [u8; N] = bytes.try_into().expect("the item has this size");
    if big_endian {
        ordered.reverse();
    }
    ordered
}

/// The low 64 bits of an integer, with the sign of its highest bit.
fn integer(bytes: &[u8], signed: bool, big_endian: bool) -> f64 {
    let add = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    let value = if big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) };
    if !signed {
        return value as f64;
    }
    let unused = 64_usize.saturating_sub(8 * bytes.len()).min(63) as u32;
    ((value << unused) as i64 >> unused) as f64
}

fn size(arguments: &Arguments<'_>) -> Outcome {
    let format = arguments.string(1)?;
    let format = format.as_bytes();
    let mut format = Format::new(arguments, &format);
    let mut length = 0_usize;
    while let Some(item) = format.next()? {
        match item {
            Item::Text => return arguments.bad(1, "option 's' has no fixed size"),
            Item::Characters(0) => return arguments.bad(1, "option 'c0' has no fixed size"),
            _ => length += format.gap(length, item) + item.size(),
        }
        if length > i32::MAX as usize {
            return arguments.bad(1, "format too large");
        }
    }
    Ok(vec![Value::Integer(length as i64)])
}
