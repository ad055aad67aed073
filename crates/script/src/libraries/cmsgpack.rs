//! `cmsgpack`: MessagePack, as the library of that name does it.
//!
//! Strings are packed as strings; integers in the fewest bytes; other numbers as a float of four bytes if that is exact; tables whose keys
//! are 1 to n as arrays; tables deeper than 16 and what MessagePack does not know as nil.

use mlua::{Table, Value};

use super::{Arguments, Entry, Outcome, said, whole};

/// Tables deeper than this are packed as nil.
const MAX_PACKED_DEPTH: usize = 16;
/// Values one within the other that are unpacked.
const MAX_UNPACKED_DEPTH: usize = 512;
/// The most results of one call; Lua's stack for library functions takes 8000.
const MAX_RESULTS: usize = 7900;

pub(super) const FUNCTIONS: &[Entry] =
    &[("pack", pack), ("unpack", unpack), ("unpack_one", unpack_one), ("unpack_limit", unpack_limit)];

fn pack(arguments: &Arguments<'_>) -> Outcome {
    if arguments.len() == 0 {
        return arguments.bad(0, "MessagePack pack needs input.");
    }
    let mut out = Vec::new();
    for value in arguments.values {
        put(value, &mut out, 0)?;
    }
    arguments.text(&out)
}

fn put(value: &Value, out: &mut Vec<u8>, depth: usize) -> Outcome<()> {
    match value {
        Value::String(text) => {
            let text = text.as_bytes();
            put_head(out, text.len(), (0xa0, 32), [0xd9, 0xda, 0xdb]);
            out.extend_from_slice(&text);
        }
        Value::Boolean(value) => out.push(0xc2 | u8::from(*value)),
        Value::Integer(number) => put_integer(*number, out),
        Value::Number(number) => match whole(*number) {
            Some(number) => put_integer(number, out),
            None => put_float(*number, out),
        },
        Value::Table(table) if depth < MAX_PACKED_DEPTH => put_table(table, out, depth)?,
        _ => out.push(0xc0),
    }
    Ok(())
}

/// The head of something with a length: a short form below a bound, else the length in one, two or four bytes; an array and a
/// map have no form with one.
fn put_head(out: &mut Vec<u8>, length: usize, (short, bound): (u8, usize), [one, two, four]: [u8; 3]) {
    if length < bound {
        out.push(short | length as u8);
    } else if length <= 0xff && one != 0 {
        out.extend([one, length as u8]);
    } else if let Ok(length) = u16::try_from(length) {
        out.push(two);
        out.extend(length.to_be_bytes());
    } else {
        out.push(four);
        out.extend((length as u32).to_be_bytes());
    }
}

fn put_integer(number: i64, out: &mut Vec<u8>) {
    let mut long = |marker: u8, bytes: &[u8]| {
        out.push(marker);
        out.extend_from_slice(bytes);
    };
    match number {
        -32..=127 => out.push(number as u8),
        128..=0xff => long(0xcc, &[number as u8]),
        0x100..=0xffff => long(0xcd, &(number as u16).to_be_bytes()),
        0x1_0000..=0xffff_ffff => long(0xce, &(number as u32).to_be_bytes()),
        0x1_0000_0000.. => long(0xcf, &number.to_be_bytes()),
        -0x80..=-33 => long(0xd0, &[number as u8]),
        -0x8000..=-0x81 => long(0xd1, &(number as i16).to_be_bytes()),
        -0x8000_0000..=-0x8001 => long(0xd2, &(number as i32).to_be_bytes()),
        _ => long(0xd3, &number.to_be_bytes()),
    }
}

fn put_float(number: f64, out: &mut Vec<u8>) {
    let short = number as f32;
    if f64::from(short).to_bits() == number.to_bits() {
        out.push(0xca);
        out.extend(short.to_be_bytes());
    } else {
        out.push(0xcb);
        out.extend(number.to_be_bytes());
    }
}

fn put_table(table: &Table, out: &mut Vec<u8>, depth: usize) -> Outcome<()> {
    let (mut count, mut highest, mut is_array) = (0_usize, 0, true);
    for pair in table.pairs::<Value, Value>() {
        let (key, _) = pair?;
        count += 1;
        match position(&key) {
            Some(position) => highest = highest.max(position),
            None => is_array = false,
        }
    }
    if is_array && highest == count {
        put_head(out, count, (0x90, 16), [0, 0xdc, 0xdd]);
        for index in 1..=count {
            put(&table.raw_get(index)?, out, depth + 1)?;
        }
        return Ok(());
    }
    put_head(out, count, (0x80, 16), [0, 0xde, 0xdf]);
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        put(&key, out, depth + 1)?;
        put(&value, out, depth + 1)?;
    }
    Ok(())
}

/// The place in an array that a key means.
fn position(key: &Value) -> Option<usize> {
    let number = match key {
        Value::Integer(number) => *number,
        Value::Number(number) => whole(*number)?,
        _ => return None,
    };
    usize::try_from(number).ok().filter(|&position| position > 0)
}

fn unpack(arguments: &Arguments<'_>) -> Outcome {
    unpack_some(arguments, 0, 0)
}

fn unpack_one(arguments: &Arguments<'_>) -> Outcome {
    let offset = arguments.number_or(2, 0.0)? as i64;
    unpack_some(arguments, 1, offset)
}

fn unpack_limit(arguments: &Arguments<'_>) -> Outcome {
    let limit = arguments.number(2)? as i64;
    let offset = arguments.number_or(3, 0.0)? as i64;
    unpack_some(arguments, limit, offset)
}

/// Unpacks up to `limit` values from a place on, and tells before them where the next one begins; with neither, all.
fn unpack_some(arguments: &Arguments<'_>, limit: i64, offset: i64) -> Outcome {
    let data = arguments.string(1)?;
    let data = data.as_bytes();
    let (Ok(most), Ok(start)) = (usize::try_from(limit), usize::try_from(offset)) else {
        return said(format!(
            "Invalid request to unpack with offset of {offset} and limit of {}.",
            data.len()
        ));
    };
    if start > data.len() {
        return said(format!("Start offset {start} greater than input length {}.", data.len()));
    }
    let all = most == 0 && start == 0;
    let most = if all || most == 0 { usize::MAX } else { most };
    let mut reader = Reader { arguments, data: &data, at: start };
    let mut results = Vec::new();
    while reader.at < data.len() && results.len() < most {
        if results.len() >= MAX_RESULTS {
            return said("stack overflow (in function mp_unpack_full)");
        }
        results.push(reader.value(0)?);
    }
    if !all {
        let next = if reader.at == data.len() { -1 } else { reader.at as i64 };
        results.insert(0, Value::Integer(next));
    }
    Ok(results)
}

struct Reader<'a> {
    arguments: &'a Arguments<'a>,
    data: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Outcome<Value> {
        if depth > MAX_UNPACKED_DEPTH {
            return said("stack overflow (in function mp_decode_to_lua_type)");
        }
        let marker = self.bytes(1)?[0];
        match marker {
            0x00..=0x7f => Ok(Value::Integer(marker.into())),
            0xe0..=0xff => Ok(Value::Integer((marker as i8).into())),
            0x80..=0x8f => self.map(usize::from(marker & 15), depth),
            0x90..=0x9f => self.array(usize::from(marker & 15), depth),
            0xa0..=0xbf => self.text(usize::from(marker & 31)),
            0xc0 => Ok(Value::Nil),
            0xc2 | 0xc3 => Ok(Value::Boolean(marker == 0xc3)),
            0xca => Ok(Value::Number(f32::from_be_bytes(self.fixed()?).into())),
            0xcb => Ok(Value::Number(f64::from_be_bytes(self.fixed()?))),
            0xcc..=0xcf => Ok(Value::Number(self.unsigned(1 << (marker - 0xcc))? as f64)),
            0xd0 => Ok(Value::Integer(i8::from_be_bytes(self.fixed()?).into())),
            0xd1 => Ok(Value::Integer(i16::from_be_bytes(self.fixed()?).into())),
            0xd2 => Ok(Value::Integer(i32::from_be_bytes(self.fixed()?).into())),
            0xd3 => Ok(Value::Number(i64::from_be_bytes(self.fixed()?) as f64)),
            0xd9..=0xdb => {
                let length = self.unsigned(1 << (marker - 0xd9))?;
                self.text(length as usize)
            }
            0xdc | 0xdd => {
                let length = self.unsigned(if marker == 0xdc { 2 } else { 4 })?;
                self.array(length as usize, depth)
            }
            0xde | 0xdf => {
                let length = self.unsigned(if marker == 0xde { 2 } else { 4 })?;
                self.map(length as usize, depth)
            }
            0xc1 | 0xc4..=0xc9 | 0xd4..=0xd8 => said("Bad data format in input."),
        }
    }

    fn bytes(&mut self, count: usize) -> Outcome<&'a [u8]> {
        let Some(bytes) = self.data[self.at..].get(..count) else { return said("Missing bytes in input.") };
        self.at += count;
        Ok(bytes)
    }

    fn fixed<const N: usize>(&mut self) -> Outcome<[u8; N]> {
        Ok(self.bytes(N)?.try_into().expect("that many bytes were taken"))
    }

    fn unsigned(&mut self, count: usize) -> Outcome<u64> {
        Ok(self.bytes(count)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn text(&mut self, length: usize) -> Outcome<Value> {
        let bytes = self.bytes(length)?;
        Ok(Value::String(self.arguments.lua.create_string(bytes)?))
    }

    /// A table's size is promised by the input; room is made for what has come.
    fn array(&mut self, length: usize, depth: usize) -> Outcome<Value> {
        let table = self.arguments.lua.create_table()?;
        for index in 1..=length {
            table.raw_set(index, self.value(depth + 1)?)?;
        }
        Ok(Value::Table(table))
    }

    fn map(&mut self, length: usize, depth: usize) -> Outcome<Value> {
        let table = self.arguments.lua.create_table()?;
        for _ in 0..length {
            let key = self.value(depth + 1)?;
            let value = self.value(depth + 1)?;
            match key {
                Value::Nil => return said("table index is nil"),
                Value::Number(number) if number.is_nan() => return said("table index is NaN"),
                key => table.raw_set(key, value)?,
            }
        }
        Ok(Value::Table(table))
    }
}
