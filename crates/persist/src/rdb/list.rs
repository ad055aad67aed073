//! Lists: four ways to read them, one to write them.
//!
//! A list is written as Redis 7 does: nodes (type 18), each a listpack of some elements or one large element alone.
//! A node is filled by the bytes that its elements can take at most, so that how many nodes there are, which
//! stands in front of them, follows from the lengths of the elements.

use std::borrow::Cow;
use std::ops::Range;

use value::list::{Builder, List, ListRef, Settings};
use value::tree::Part;

use super::block::Element;
use super::cursor::{Cursor, Fault};
use super::error::Problem;
use super::output::Output;
use super::{listpack, tag, ziplist};

/// How a node of type 18 is kept.
const PLAIN: u64 = 1;
const PACKED: u64 = 2;

/// The most bytes of a written listpack, unless it is one leaf of small integers, which can take half as many again; a
/// longer element is a node alone.
const NODE_BYTES: usize = 8192;

/// Reads the list that follows a type of lists.
pub(crate) fn read(kind: u8, cursor: &mut Cursor<'_>, settings: Settings) -> Result<List, Fault> {
    let mut list = Builder::new();
    match kind {
        tag::LIST_ZIPLIST => add(&mut list, &ziplist::elements(&cursor.string()?)?),
        _ => (0..cursor.length()?).try_for_each(|_| read_node(kind, cursor, &mut list))?,
    }
    Ok(list.finish(settings))
}

/// Reads what a list of this type has many of: an element or a node.
pub(crate) fn read_node(kind: u8, cursor: &mut Cursor<'_>, list: &mut Builder) -> Result<(), Fault> {
    match kind {
        tag::LIST => list.push(&cursor.string()?),
        tag::LIST_QUICKLIST => add(list, &ziplist::elements(&cursor.string()?)?),
        tag::LIST_QUICKLIST2 => match cursor.length()? {
            PLAIN => list.push(&plain(cursor)?),
            PACKED => add(list, &listpack::elements(&cursor.string()?)?),
            _ => return Err(Problem::Range("a node of a list is neither plain nor packed").into()),
        },
        _ => unreachable!("the caller has sorted the types"),
    }
    Ok(())
}

/// The one element of a node, which Redis keeps so only when it is large.
fn plain<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, [u8]>, Fault> {
    let element = cursor.string()?;
    if element.is_empty() {
        return Err(Problem::Range("a plain node of a list is empty").into());
    }
    Ok(element)
}

fn add(list: &mut Builder, elements: &[Element<'_>]) {
    elements.iter().for_each(|element| list.push(&element.text()));
}

/// Writes the list behind its type.
pub(crate) fn write(list: ListRef<'_>, output: &mut Output<'_>) {
    output.length(nodes(list).count() as u64);
    let mut elements = list.iter();
    let mut block = listpack::Writer::default();
    for node in nodes(list) {
        let mut node = elements.by_ref().take(node.len()).peekable();
        if let Some(element) = node.next_if(|element| listpack::largest(element.len()) > NODE_BYTES) {
            output.length(PLAIN);
            output.string(&element);
            continue;
        }
        node.for_each(|element| block.push(&element));
        output.length(PACKED);
        block.finish(|block| output.string(block));
    }
}

/// The positions of each node's elements.
fn nodes(list: ListRef<'_>) -> impl Iterator<Item = Range<usize>> {
    let mut lengths = list.iter().map(|element| element.len()).enumerate().peekable();
    std::iter::from_fn(move || {
        let (start, first) = lengths.next()?;
        let (mut end, mut bytes) = (start + 1, listpack::largest(first));
        while let Some((_, length)) =
            lengths.next_if(|(_, length)| bytes + listpack::largest(*length) <= NODE_BYTES)
        {
            bytes += listpack::largest(length);
            end += 1;
        }
        Some(start..end)
    })
}

/// How many leaves the first node of a large list gets, if there are any: leaves that fit into one become one, and none
/// is divided, so that nothing of them but their lengths is looked at before they are written.
pub(crate) fn leaves_of_node(leaves: &[Part]) -> usize {
    let mut bytes = 0;
    let fits = leaves.iter().take_while(|leaf| {
        bytes += leaf.data_bytes() + leaf.len() * listpack::largest(0);
        bytes <= NODE_BYTES
    });
    fits.count().max(1).min(leaves.len())
}

/// Writes a node of a large list.
pub(crate) fn write_node(leaves: &[Part], block: &mut listpack::Writer, output: &mut Output<'_>) {
    if let [leaf] = leaves
        && is_alone(leaf)
    {
        output.length(PLAIN);
        leaf.elements().for_each(|element| output.string(&element));
        return;
    }
    leaves.iter().flat_map(Part::elements).for_each(|element| block.push(&element));
    output.length(PACKED);
    block.finish(|block| output.string(block));
}

/// Whether a leaf is an element that is a node alone.
fn is_alone(leaf: &Part) -> bool {
    leaf.len() == 1 && listpack::largest(leaf.data_bytes()) > NODE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_hold_what_fits_and_large_elements_alone() {
        let mut builder = Builder::new();
        for length in [100, 9000, 4000, 4000, 4000, 8192, 1] {
            builder.push(&vec![b'x'; length]);
        }
        let list = builder.finish(Settings::of_parameter(-2));
        let nodes: Vec<Range<usize>> = nodes(list.as_ref()).collect();
        assert_eq!(nodes, [0..1, 1..2, 2..4, 4..5, 5..6, 6..7]);
    }
}
