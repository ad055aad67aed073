//! Members of a large value, which are written one by one behind a head that tells how many there are.

use std::convert::Infallible;

use stdx::time::UnixMs;
use value::ValueRef;
use value::hash::Entry;
use value::table::{self, Payload};

use super::hash::Outline;
use super::output::Output;
use super::{set, tag};

/// How the members of a value are written, whose head is there.
#[derive(Debug, Clone, Copy)]
pub struct MemberForm(Form);

#[derive(Debug, Clone, Copy)]
enum Form {
    Member,
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
            _ => None,
        }
    }

    /// Writes what stands between the key and the first of so many members.
    pub(crate) fn write_head(self, members: usize, output: &mut Output<'_>) {
        match self.0 {
            Form::Member => output.length(members as u64),
            Form::Field(outline, _) => outline.write(output),
        }
    }

    /// Writes a member.
    pub(crate) fn write(self, stored: &table::Entry<'_, Infallible>, output: &mut Output<'_>) {
        match (self.0, stored.payload, stored.meta.expiry) {
            (Form::Member, ..) => output.string(stored.key),
            (Form::Field(_, now), _, Some(at)) if at <= now => {}
            (Form::Field(outline, _), Payload::Inline(value), expiry) => {
                outline.write_field(Entry { field: stored.key, value, expiry }, output);
            }
            (Form::Field(..), Payload::Object(never), _) => match *never {},
        }
    }
}
