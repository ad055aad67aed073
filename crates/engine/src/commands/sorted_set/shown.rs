//! Members as they are written: alone or with their scores, in either direction, a long row of them in slices.

use std::ops::Range;

use resp::Protocol;
use value::zset::Element;
use value::{ZSet, ZSetRef};

use crate::reply::Reply;
use crate::slices::{ByPosition, ELEMENT_HEAD};

/// Bytes of a score in a reply, about.
const SCORE_BYTES: usize = 16;

/// Which members of a sorted set are shown, and how.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    /// Positions in ascending order.
    pub(super) positions: Range<usize>,
    pub(super) is_reverse: bool,
    pub(super) with_scores: bool,
}

impl Shown {
    /// Everything in order.
    pub(super) fn all(zset: ZSetRef<'_>, with_scores: bool) -> Self {
        Self { positions: 0..zset.len(), is_reverse: false, with_scores }
    }

    /// Writes the members as an array.
    pub(super) fn write(self, zset: ZSetRef<'_>, reply: &mut Reply<'_>) {
        let count = self.positions.len();
        write_head(reply, count, self.with_scores);
        if reply.leaves(count) {
            let scores = if self.with_scores { SCORE_BYTES } else { 0 };
            let element_bytes = zset.data_bytes() / zset.len() + ELEMENT_HEAD + scores;
            let value = (zset.to_owned(), self);
            reply.produce(ByPosition::new(value, 0..count, element_bytes, reply.protocol(), write_some));
        } else {
            self.write_part(zset, 0..count, reply);
        }
    }

    /// Writes some of the members, counted in the order in which they are shown.
    fn write_part(&self, zset: ZSetRef<'_>, part: Range<usize>, reply: &mut Reply<'_>) {
        let Range { start, end } = self.positions;
        if self.is_reverse {
            let elements = zset.range(end - part.end..end - part.start);
            elements.rev().for_each(|element| write_element(reply, element, self.with_scores));
        } else {
            let elements = zset.range(start + part.start..start + part.end);
            elements.for_each(|element| write_element(reply, element, self.with_scores));
        }
    }
}

fn write_some((zset, shown): &mut (ZSet, Shown), part: Range<usize>, reply: &mut Reply<'_>) {
    shown.write_part(zset.as_ref(), part, reply);
}

/// Writes members that were chosen one by one.
pub(super) fn write_chosen(reply: &mut Reply<'_>, chosen: &[Element<'_>], with_scores: bool) {
    write_head(reply, chosen.len(), with_scores);
    chosen.iter().for_each(|element| write_element(reply, *element, with_scores));
}

/// With scores: pairs in RESP3, one flat list in RESP2.
pub(super) fn write_head(reply: &mut Reply<'_>, count: usize, with_scores: bool) {
    let is_flat = with_scores && reply.protocol() == Protocol::Resp2;
    reply.array(count * if is_flat { 2 } else { 1 });
}

pub(super) fn write_element(reply: &mut Reply<'_>, element: Element<'_>, with_scores: bool) {
    if with_scores && reply.protocol() == Protocol::Resp3 {
        reply.array(2);
    }
    reply.bulk(element.member);
    if with_scores {
        reply.double(element.score);
    }
}
