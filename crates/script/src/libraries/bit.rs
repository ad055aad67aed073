//! `bit`: operations on 32 bits, as Mike Pall's BitOp defines them. Any number is reduced modulo 2^32; results are signed.

use mlua::Value;

use super::{Arguments, Entry, Outcome};

pub(super) const FUNCTIONS: &[Entry] = &[
    ("tobit", |arguments| one(arguments, |bits| bits)),
    ("bnot", |arguments| one(arguments, |bits| !bits)),
    ("bswap", |arguments| one(arguments, u32::swap_bytes)),
    ("band", |arguments| fold(arguments, |left, right| left & right)),
    ("bor", |arguments| fold(arguments, |left, right| left | right)),
    ("bxor", |arguments| fold(arguments, |left, right| left ^ right)),
    ("lshift", |arguments| shift(arguments, |bits, by| bits << by)),
    ("rshift", |arguments| shift(arguments, |bits, by| bits >> by)),
    ("arshift", |arguments| shift(arguments, |bits, by| (bits as i32 >> by) as u32)),
    ("rol", |arguments| shift(arguments, u32::rotate_left)),
    ("ror", |arguments| shift(arguments, u32::rotate_right)),
    ("tohex", to_hex),
];

/// The low 32 bits of an argument, rounded to the nearest integer, halves to the even one.
fn bits(arguments: &Arguments<'_>, at: usize) -> Outcome<u32> {
    // Adding 2^52 + 2^51 leaves the integer in the low bits of the sum.
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    Ok((arguments.number(at)? + SHIFT).to_bits() as u32)
}

fn signed(bits: u32) -> Vec<Value> {
    vec![Value::Integer(i64::from(bits as i32))]
}

fn one(arguments: &Arguments<'_>, operation: fn(u32) -> u32) -> Outcome {
    Ok(signed(operation(bits(arguments, 1)?)))
}

fn fold(arguments: &Arguments<'_>, operation: fn(u32, u32) -> u32) -> Outcome {
    let mut folded = bits(arguments, 1)?;
    for at in 2..=arguments.len() {
        folded = operation(folded, bits(arguments, at)?);
    }
    Ok(signed(folded))
}

fn shift(arguments: &Arguments<'_>, operation: fn(u32, u32) -> u32) -> Outcome {
    let value = bits(arguments, 1)?;
    Ok(signed(operation(value, bits(arguments, 2)? & 31)))
}

/// `tohex(x [, n])`: `n` digits, 8 at most; in upper case if `n` is negative.
fn to_hex(arguments: &Arguments<'_>) -> Outcome {
    let value = bits(arguments, 1)?;
    let digits = if arguments.get(2).is_nil() { 8 } else { bits(arguments, 2)? as i32 };
    let count = digits.unsigned_abs().min(8) as usize;
    let text = if digits < 0 { format!("{value:08X}") } else { format!("{value:08x}") };
    arguments.text(&text.as_bytes()[8 - count..])
}
