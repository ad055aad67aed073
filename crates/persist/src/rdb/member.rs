//! Members of a large value, which are written one by one behind a head that tells how many there are.

use stdx::time::UnixMs;
use value::ValueRef;
use value::hash::Entry;
use value::members::Stored;
use value::table::Payload;

use super::hash::Outline;
use super::output::Output;
use super::{set, tag, zset};

/// How the members of a value are written, whose head is there.
#[derive(Debug, Clone, Copy)]
pub struct MemberForm(Form);

#[derive(Debug, Clone, Copy)]
enum Form {
    Member,
    /// A member with a score.
    Scored,
    /// A field of a hash, of which those are left out that were expired then.
    Field(Outline, UnixMs),
}

impl MemberForm {
    /// None: nothing is to be written, or not member by member.
    pub(crate) fn of(value: ValueRef<'_>, outline: Option<Outline>) -> Option<Self> {
        match (value, outline) {
            (ValueRef::Hash(hash), Some(outline)) if !outline.is_empty() => {
                Some(Self(Form::Field(outline, hash.now())))
            }
            (ValueRef::Set(set), _) if set::tag(set) == tag::SET => Some(Self(Form::Member)),
            (ValueRef::ZSet(zset), _) if zset::tag(zset) == tag::ZSET_2 => Some(Self(Form::Scored)),
            _ => None,
        }
    }

    /// Writes what stands between the key and the first of so many members.
    pub(crate) fn write_head(self, members: usize, output: &mut Output<'_>) {
        match self.0 {
            Form::Member | Form::Scored => output.length(members as u64),
            Form::Field(outline, _) => outline.write(output),
        }
    }

    /// Writes a member.
    pub(crate) fn write(self, stored: &Stored<'_>, output: &mut Output<'_>) {
        match (self.0, stored) {
            (Form::Field(_, now), Stored::Entry(field)) if field.meta.expiry.is_some_and(|at| at <= now) => {}
            (Form::Field(outline, _), Stored::Entry(field)) => match field.payload {
                Payload::Inline(value) => {
                    let (field, expiry) = (field.key, field.meta.expiry);
                    outline.write_field(Entry { field, value, expiry }, output);
                }
                Payload::Object(never) => match *never {},
            },
            (_, Stored::Entry(member)) => output.string(member.key),
            (_, Stored::Element(element)) => zset::write_element(*element, output),
        }
    }
}
