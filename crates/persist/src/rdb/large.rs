//! Large values, which are written bit by bit behind a head.
//!
//! Members of most types stand in any order, so they can be taken apart in any ([`MemberForm`]). What stands in order,
//! a list or stream, is written from the front, but its parts can be made before ([`SequenceForm`]). What has been
//! written is let go of, so whoever changes it behind that has nothing to copy.

use value::ValueRef;
use value::members::Members;
use value::stream::{LastNode, NodeReader, Nodes, Stream};
use value::tree::{Group, Groups};

use super::listpack;
use super::member::MemberForm;
use super::object::Plan;
use super::output::Output;
use super::stream::GroupWriter;
use super::{list, stream};

/// What stands behind the beginning of a large value.
#[derive(Debug)]
pub enum Body {
    /// All of these, in any order.
    Members(LargeMembers),
    /// All that is left of this.
    Sequence(Box<Sequence>),
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
    groups: Groups,
    form: SequenceForm,
    past: Past,
    block: listpack::Writer,
}

/// How groups of leaves are written of a list or stream, whose head is there.
#[derive(Debug, Clone)]
pub struct SequenceForm(Form);

#[derive(Debug, Clone)]
enum Form {
    /// Each group is a node.
    List,
    /// Each group is a leaf with some nodes.
    Stream(NodeReader),
}

/// What stands behind all groups.
#[derive(Debug)]
pub struct Past(Rest);

#[derive(Debug)]
enum Rest {
    /// The node at the end of a stream.
    LastNode(LastNode, NodeReader, Stream),
    /// All else of a stream.
    Facts(Stream),
    Groups(Stream, GroupWriter),
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
        match plan.value() {
            ValueRef::List(list) => {
                let groups = Groups::new(list.tree()?.clone().into_leaves(), list::leaves_of_node);
                Some(Self::Sequence(Sequence::new(groups.total(), groups, Form::List, Rest::Nothing)))
            }
            ValueRef::Stream(stream) => {
                let (Nodes { leaves, tail, reader }, rest) = stream.clone().into_nodes();
                let past = Rest::LastNode(tail, reader.clone(), rest);
                let groups = Groups::new(leaves, |_| 1);
                Some(Self::Sequence(Sequence::new(stream.node_count(), groups, Form::Stream(reader), past)))
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
    fn new(nodes: usize, groups: Groups, form: Form, past: Rest) -> Box<Self> {
        let block = listpack::Writer::default();
        Box::new(Self { nodes, groups, form: SequenceForm(form), past: Past(past), block })
    }

    /// For whoever writes the groups himself, and what stands behind them when all are written.
    pub fn into_parts(self) -> (Groups, SequenceForm, Past) {
        (self.groups, self.form, self.past)
    }

    /// Writes what stands next, some kilobytes but for what is long in itself; false: there is nothing left.
    pub(crate) fn write_next(&mut self, output: &mut Output<'_>) -> bool {
        let Some(group) = self.groups.next() else { return self.past.write_next(&mut self.block, output) };
        self.form.write(&group, &mut self.block, output);
        true
    }
}

impl SequenceForm {
    /// Writes a group; the block is empty.
    pub(crate) fn write(&self, group: &Group, block: &mut listpack::Writer, output: &mut Output<'_>) {
        match &self.0 {
            Form::List => list::write_node(group.leaves(), block, output),
            Form::Stream(reader) => {
                for leaf in group.leaves() {
                    reader.read(leaf, |entries| stream::write_node(entries, block, output));
                }
            }
        }
    }
}

impl Past {
    /// Writes what stands next; false: there is nothing left.
    pub(crate) fn write_next(&mut self, block: &mut listpack::Writer, output: &mut Output<'_>) -> bool {
        self.0 = match std::mem::replace(&mut self.0, Rest::Nothing) {
            Rest::LastNode(node, reader, stream) => {
                reader.read_last(&node, |entries| stream::write_node(entries, block, output));
                Rest::Facts(stream)
            }
            Rest::Facts(stream) => {
                stream::write_past(&stream, output);
                Rest::Groups(stream, GroupWriter::new())
            }
            Rest::Groups(stream, mut groups) => {
                if groups.step(&stream, output) {
                    Rest::Groups(stream, groups)
                } else {
                    Rest::Nothing
                }
            }
            Rest::Nothing => return false,
        };
        true
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
