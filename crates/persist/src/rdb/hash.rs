//! Hashes: six ways to read them, two to write them.
//!
//! A hash is written as pairs (type 4), which every version of Redis reads and turns into its own packed form while
//! loading; only a hash with fields that expire needs type 24 of Redis 7.4.

use stdx::time::UnixMs;
use value::HashRef;
use value::hash::{Entry, FieldExpiry, Hash, HashEdit, MAX_EXPIRY, Settings};

use super::block::Element;
use super::cursor::{Cursor, Fault};
use super::error::Problem;
use super::output::Output;
use super::{listpack, tag, ziplist, zipmap};

/// Room for most packed hashes, so that it is not made step by step.
const FEW_BYTES: usize = 256;

/// Reads the hash that follows a type of hashes.
pub(crate) fn read(kind: u8, cursor: &mut Cursor<'_>, settings: Settings) -> Result<Hash, Fault> {
    let mut hash = Hash::new();
    let mut scratch = Vec::with_capacity(FEW_BYTES);
    if let Some(row) = Row::begin(kind, cursor)? {
        hash.edit(&mut scratch, settings, UnixMs::MIN, |edit| {
            (0..cursor.length()?).try_for_each(|_| row.read_field(cursor, edit))
        })?;
        return Ok(hash);
    }
    hash.edit(&mut scratch, settings, UnixMs::MIN, |edit| match kind {
        tag::HASH_ZIPMAP => {
            for (field, value) in zipmap::pairs(&cursor.string()?)? {
                add(edit, field, value, None)?;
            }
            Ok::<(), Fault>(())
        }
        tag::HASH_ZIPLIST => Ok(add_elements(edit, &ziplist::elements(&cursor.string()?)?)?),
        tag::HASH_LISTPACK => Ok(add_elements(edit, &listpack::elements(&cursor.string()?)?)?),
        tag::HASH_LISTPACK_EX => {
            cursor.u64_le()?; // the earliest time, which the elements tell too
            Ok(add_timed_elements(edit, &listpack::elements(&cursor.string()?)?)?)
        }
        _ => unreachable!("the caller has sorted the types"),
    })?;
    Ok(hash)
}

/// How fields stand one by one behind each other.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Row {
    /// Field and value.
    Pairs,
    /// Field, value and absolute time, -1 for never.
    Timed,
    /// The time beyond this one plus one, 0 for never; field and value.
    Relative(u64),
}

impl Row {
    /// Reads what stands before the number of fields; `None`: that type keeps them in a block.
    pub(crate) fn begin(kind: u8, cursor: &mut Cursor<'_>) -> Result<Option<Self>, Fault> {
        Ok(match kind {
            tag::HASH => Some(Self::Pairs),
            tag::HASH_VALKEY => Some(Self::Timed),
            tag::HASH_METADATA => Some(Self::Relative(cursor.u64_le()?)),
            _ => None,
        })
    }

    /// Reads a field.
    #[inline]
    pub(crate) fn read_field(self, cursor: &mut Cursor<'_>, edit: &mut HashEdit<'_>) -> Result<(), Fault> {
        let beyond = if let Self::Relative(_) = self { cursor.length()? } else { 0 };
        let field = cursor.string()?;
        let value = cursor.string()?;
        let at = match self {
            Self::Pairs => None,
            Self::Timed => Some(cursor.u64_le()?.cast_signed()).filter(|&at| at != -1),
            Self::Relative(earliest) => beyond
                .checked_sub(1)
                .map(|beyond| earliest.saturating_add(beyond).try_into().unwrap_or(i64::MAX)),
        };
        Ok(add(edit, &field, &value, at.map(field_expiry).transpose()?)?)
    }
}

fn add_elements(edit: &mut HashEdit<'_>, elements: &[Element<'_>]) -> Result<(), Problem> {
    let (pairs, rest) = elements.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Problem::Block("a packed hash has a field without a value"));
    }
    for [field, value] in pairs {
        add(edit, &field.text(), &value.text(), None)?;
    }
    Ok(())
}

fn add_timed_elements(edit: &mut HashEdit<'_>, elements: &[Element<'_>]) -> Result<(), Problem> {
    let (triples, rest) = elements.as_chunks::<3>();
    if !rest.is_empty() {
        return Err(Problem::Block("a packed hash has a field without a value or a time"));
    }
    for [field, value, at] in triples {
        let expiry = match at.integer()? {
            0 => None,
            at => Some(field_expiry(at)?),
        };
        add(edit, &field.text(), &value.text(), expiry)?;
    }
    Ok(())
}

fn field_expiry(at: i64) -> Result<UnixMs, Problem> {
    let expiry = UnixMs(at);
    let in_range = at > 0 && expiry <= MAX_EXPIRY;
    in_range.then_some(expiry).ok_or(Problem::Range("the time of a field is out of range"))
}

fn add(edit: &mut HashEdit<'_>, field: &[u8], value: &[u8], expiry: Option<UnixMs>) -> Result<(), Problem> {
    let expiry = expiry.map_or(FieldExpiry::Clear, FieldExpiry::At);
    edit.set(field, value, expiry).then_some(()).ok_or(Problem::DuplicateField)
}

/// What must be known of a hash before its first field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The fields that are there.
    fields: usize,
    /// When the first of them is due.
    earliest: Option<UnixMs>,
}

impl Outline {
    /// Tells the same of a large hash without a look at all fields, but for the earliest time: the next field may be
    /// due later than that, or none, which readers take as well.
    pub(crate) fn of_large(hash: HashRef<'_>) -> Self {
        let not_before = hash.now().saturating_add_millis(1);
        Self { fields: hash.count_live(), earliest: hash.next_expiry().map(|at| at.max(not_before)) }
    }

    /// Walks the hash only if fields may expire.
    pub(crate) fn of(hash: HashRef<'_>) -> Self {
        if hash.next_expiry().is_none() {
            return Self { fields: hash.len(), earliest: None };
        }
        let start = Self { fields: 0, earliest: None };
        hash.iter().fold(start, |outline, entry| {
            let earliest = [outline.earliest, entry.expiry].into_iter().flatten().min();
            Self { fields: outline.fields + 1, earliest }
        })
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(self) -> bool {
        self.fields == 0
    }

    /// Whether readers need to know fields that expire.
    pub(crate) fn has_expiry(self) -> bool {
        self.earliest.is_some()
    }

    /// Writes what stands before the first field.
    pub(crate) fn write(self, output: &mut Output<'_>) {
        if let Some(earliest) = self.earliest {
            output.bytes(&earliest.0.to_le_bytes());
        }
        output.length(self.fields as u64);
    }

    /// Writes a field.
    pub(crate) fn write_field(self, entry: Entry<'_>, output: &mut Output<'_>) {
        if let Some(earliest) = self.earliest {
            output.length(entry.expiry.map_or(0, |at| at.millis_since(earliest) as u64 + 1));
        }
        output.string(entry.field);
        output.string(entry.value);
    }

    /// The type to write.
    pub(crate) fn tag(self) -> u8 {
        if self.has_expiry() { tag::HASH_METADATA } else { tag::HASH }
    }
}

/// Writes the hash behind its type.
pub(crate) fn write(hash: HashRef<'_>, outline: Outline, output: &mut Output<'_>) {
    outline.write(output);
    hash.iter().for_each(|entry| outline.write_field(entry, output));
}
