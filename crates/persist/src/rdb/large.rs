//! Large values, which are written bit by bit behind a head.
//!
//! What stands in order, a list or stream, is taken apart from the front: what has been written is let go of, so whoever changes it
//! behind that has nothing to copy. Members of the other types stand in any order, so they can be taken apart in any ([`MemberForm`]).

use value::members::Members;
use value::stream::{Nodes, Stream};
use value::{ValueRef, tree};

use super::listpack;
use super::member::MemberForm;
use super::object::Plan;
use super::output::Output;
use super::{list, stream};

/// What stands behind the beginning of a large value.
#[derive(Debug)]
pub enum Body {
    /// All of these, in any order.
    Members(LargeMembers),
    /// All that is left of this.
    Sequence(Sequence),
}

/// Members of a value.
#[derive(Debug)]
pub struct LargeMembers {
    /// A clone of them.
    pub members: Members,
    /// How they are written.
    pub form: MemberForm,
}

/// What is left of a list or stream.
#[derive(Debug)]
pub struct Sequence {
    /// How many nodes are written of it.
    nodes: usize,
    rest: Rest,
    block: listpack::Writer,
}

#[derive(Debug)]
enum Rest {
    List(tree::Leaves),
    /// The entries of a stream, and all else.
    Stream(Nodes, Stream),
    Nothing,
}

/// Whether a value takes so many bytes or more, and can be written bit by bit. It seldom takes more than a look.
pub fn is_large(value: ValueRef<'_>, least_bytes: usize) -> bool {
    match value {
        // An element takes two bytes more than it has.
        ValueRef::List(list) => {
            list.tree().is_some_and(|tree| tree.data_bytes() + 2 * tree.len() >= least_bytes)
        }
        ValueRef::Stream(stream) => stream.node_bytes() >= least_bytes,
        value => value.members().is_some_and(|members| members.take_bytes(least_bytes)),
    }
}

impl Body {
    /// None: it has to be written at once.
    pub(crate) fn of(plan: Plan<'_>) -> Option<Self> {
        let sequence = |nodes, rest| Sequence { nodes, rest, block: listpack::Writer::default() };
        match plan.value() {
            ValueRef::List(list) => {
                let leaves = list.tree()?.clone().into_leaves();
                Some(Self::Sequence(sequence(list::count_nodes(&leaves), Rest::List(leaves))))
            }
            ValueRef::Stream(stream) => {
                let (nodes, rest) = stream.clone().into_nodes();
                Some(Self::Sequence(sequence(stream.node_count(), Rest::Stream(nodes, rest))))
            }
            value => {
                Some(Self::Members(LargeMembers { members: value.members()?, form: plan.member_form()? }))
            }
        }
    }

    /// Writes what stands between the key and the rest.
    pub(crate) fn write_head(&self, output: &mut Output<'_>) {
        match self {
            Self::Members(LargeMembers { members, form }) => form.write_head(members.len(), output),
            Self::Sequence(sequence) => output.length(sequence.nodes as u64),
        }
    }
}

impl Sequence {
    /// Writes what stands next, some kilobytes but for what is long in itself and for the groups of a stream; false: there is nothing
    /// left.
    pub(crate) fn write_next(&mut self, output: &mut Output<'_>) -> bool {
        let Self { rest, block, .. } = self;
        match rest {
            Rest::List(leaves) => list::write_next(leaves, block, output),
            Rest::Stream(nodes, past) => {
                if !nodes.read(|entries| stream::write_node(entries, block, output)) {
                    stream::write_past(past, output);
                    *rest = Rest::Nothing;
                }
                true
            }
            Rest::Nothing => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use value::copied_bytes;
    use value::list::{Builder, List, ListEdit, Settings};

    use super::*;

    #[test]
    fn what_has_been_written_is_not_copied_when_it_is_changed() {
        let mut builder = Builder::new();
        (0..50_000).for_each(|number: u32| builder.push(format!("element:{number}").as_bytes()));
        let settings = Settings::of_parameter(-2);
        let List::Large(mut large) = builder.finish(settings) else { panic!("it is large") };
        let plan = Plan::of_large(ValueRef::List(value::ListRef::large(&large)));
        let Some(Body::Sequence(mut sequence)) = Body::of(plan) else { panic!("it is a list") };
        let mut bytes = Vec::new();
        (0..10).for_each(|_| assert!(sequence.write_next(&mut Output::new(&mut bytes, None))));

        let mut copied_by = |index| {
            let before = copied_bytes();
            ListEdit::large(&mut large, &mut Vec::new(), settings).replace(index, b"replaced");
            copied_bytes() - before
        };
        assert_eq!(copied_by(0), 0);
        assert!(copied_by(49_999) > 0, "it has not been written yet");
    }
}
