//! Registers as runs of equal ones, for those that are mostly zero.
//!
//! | bytes | run |
//! |---|---|
//! | `00llllll` | `l + 1` zeros |
//! | `01llllll llllllll` | `l + 1` zeros, high bits first |
//! | `1vvvvvll` | `l + 1` registers of value `v + 1` |
//!
//! A register is raised by cutting the run it stands in into up to three; runs of one value that then stand side by side
//! near the cut are joined, as Redis does it, so that both end with the same bytes.

use std::ops::Range;

use super::{Fault, REGISTERS, Raise};

const LONG_ZEROS: u8 = 0x40;
const VALUES: u8 = 0x80;
const SHORT_ZEROS_MAX: usize = 64;
const LONG_ZEROS_MAX: usize = 1 << 14;
const VALUES_MAX: usize = 4;
/// The largest value that a run can have.
const VALUE_MAX: u8 = 32;
/// The runs behind the one before the cut that are looked at for joining.
const JOINED: usize = 5;

/// What became of a raise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Raised {
    /// The register is as high already.
    No,
    /// It was lower.
    Yes,
    /// It was lower, and the runs cannot say so within the limit; nothing has changed.
    NoRoom,
}

/// A run as it stands in the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    /// 0 for zeros.
    value: u8,
    registers: usize,
    /// The bytes that it takes.
    bytes: usize,
}

impl Run {
    /// The first run of some bytes.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (&first, rest) = bytes.split_first()?;
        let low = usize::from(first & 0x3f);
        Some(if first >= VALUES {
            Self { value: (first >> 2 & 0x1f) + 1, registers: usize::from(first & 3) + 1, bytes: 1 }
        } else if first >= LONG_ZEROS {
            Self { value: 0, registers: (low << 8 | usize::from(*rest.first()?)) + 1, bytes: 2 }
        } else {
            Self { value: 0, registers: low + 1, bytes: 1 }
        })
    }
}

/// Appends a run of zeros, if there are any.
pub(super) fn push_zeros(out: &mut Vec<u8>, registers: usize) {
    debug_assert!(registers <= LONG_ZEROS_MAX, "no more registers than there are");
    match registers {
        0 => {}
        1..=SHORT_ZEROS_MAX => out.push(registers as u8 - 1),
        _ => out.extend([LONG_ZEROS | ((registers - 1) >> 8) as u8, (registers - 1) as u8]),
    }
}

/// Calls `each` with the registers and the value of every run.
pub(super) fn for_each_run(mut runs: &[u8], mut each: impl FnMut(Range<usize>, u8)) -> Result<(), Fault> {
    let mut first = 0;
    while let Some(run) = Run::read(runs) {
        let end = first + run.registers;
        if end > REGISTERS {
            return Err(Fault::Corrupt);
        }
        each(first..end, run.value);
        first = end;
        runs = &runs[run.bytes..];
    }
    if first == REGISTERS && runs.is_empty() { Ok(()) } else { Err(Fault::Corrupt) }
}

/// The runs in words: `z` and `Z` are short and long runs of zeros, `v` one of a value.
pub(super) fn describe(mut runs: &[u8]) -> Result<String, Fault> {
    for_each_run(runs, |_, _| {})?;
    let mut words = Vec::new();
    while let Some(run) = Run::read(runs) {
        words.push(match run {
            Run { value: 0, bytes: 1, .. } => format!("z:{}", run.registers),
            Run { value: 0, .. } => format!("Z:{}", run.registers),
            Run { value, .. } => format!("v:{value},{}", run.registers),
        });
        runs = &runs[run.bytes..];
    }
    Ok(words.join(" "))
}

/// Raises a register of the runs behind `begin`, unless the whole gets longer than `max` bytes.
pub(super) fn raise(bytes: &mut Vec<u8>, begin: usize, raise: Raise, max: usize) -> Result<Raised, Fault> {
    let Raise { register, value } = raise;
    let (mut before, mut at, mut first) = (begin, begin, 0);
    let run = loop {
        let run = Run::read(&bytes[at..]).ok_or(Fault::Corrupt)?;
        if register < first + run.registers {
            break run;
        }
        first += run.registers;
        before = at;
        at += run.bytes;
    };
    if run.value >= value {
        return Ok(Raised::No);
    }
    if value > VALUE_MAX {
        return Ok(Raised::NoRoom);
    }
    let mut cut = Vec::with_capacity(5);
    push_run(&mut cut, run.value, register - first);
    push_run(&mut cut, value, 1);
    push_run(&mut cut, run.value, first + run.registers - 1 - register);
    let is_longer = cut.len() > run.bytes;
    if is_longer && bytes.len() + cut.len() - run.bytes > max {
        return Ok(Raised::NoRoom);
    }
    bytes.splice(at..at + run.bytes, cut);
    join_around(bytes, before);
    Ok(Raised::Yes)
}

/// Appends a run of any value, if it has registers.
fn push_run(out: &mut Vec<u8>, value: u8, registers: usize) {
    match (value, registers) {
        (_, 0) => {}
        (0, _) => push_zeros(out, registers),
        _ => out.push(VALUES | (value - 1) << 2 | (registers as u8 - 1)),
    }
}

/// Joins runs of one value that stand side by side, beginning with the run at a place.
fn join_around(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOINED {
        let Some(run) = Run::read(&bytes[at.min(bytes.len())..]) else { return };
        let next = Run::read(&bytes[at + run.bytes..]);
        match next {
            Some(next)
                if run.value > 0
                    && next.value == run.value
                    && run.registers + next.registers <= VALUES_MAX =>
            {
                bytes.remove(at);
                bytes[at] = VALUES | (run.value - 1) << 2 | (run.registers + next.registers - 1) as u8;
            }
            _ => at += run.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raises: &[(usize, u8)], expected: &str) {
        let mut bytes = Vec::new();
        push_zeros(&mut bytes, REGISTERS);
        for &(register, value) in raises {
            raise(&mut bytes, 0, Raise { register, value }, usize::MAX).expect("whole");
        }
        assert_eq!(describe(&bytes).expect("whole"), expected);
    }

    #[test]
    fn runs_are_cut_and_joined() {
        check(&[], "Z:16384");
        check(&[(0, 1)], "v:1,1 Z:16383");
        check(&[(REGISTERS - 1, 32)], "Z:16383 v:32,1");
        check(&[(100, 3)], "Z:100 v:3,1 Z:16283");
        check(&[(100, 3), (101, 3)], "Z:100 v:3,2 Z:16282");
        check(&[(100, 3), (102, 3), (101, 3)], "Z:100 v:3,3 Z:16281");
        check(&[(0, 3), (1, 3), (2, 3), (3, 3), (4, 3)], "v:3,4 v:3,1 Z:16379");
        check(&[(0, 3), (1, 3), (2, 3), (3, 3), (1, 9)], "v:3,1 v:9,1 v:3,2 Z:16380");
        check(&[(64, 2), (0, 1)], "v:1,1 z:63 v:2,1 Z:16319");
    }

    #[test]
    fn what_does_not_fit_changes_nothing() {
        let mut bytes = Vec::new();
        push_zeros(&mut bytes, REGISTERS);
        let before = bytes.clone();
        assert_eq!(raise(&mut bytes, 0, Raise { register: 9, value: 33 }, 100), Ok(Raised::NoRoom));
        assert_eq!(raise(&mut bytes, 0, Raise { register: 9, value: 3 }, 3), Ok(Raised::NoRoom));
        assert_eq!(bytes, before);
        assert_eq!(raise(&mut bytes, 0, Raise { register: 9, value: 3 }, 4), Ok(Raised::Yes));
    }
}
