//! Searching: GEOSEARCH, GEOSEARCHSTORE, GEORADIUS, GEORADIUSBYMEMBER and their forms that only read.
//!
//! ```text
//!   look   places in the cells around the shape ─► those inside it, and how far they are from the middle
//!   sort   by that distance, if it matters
//!   build  the sorted set that is stored, if one is
//! ```
//! Each step takes some of them. The source is a clone, so nothing is locked meanwhile; see [`mod@crate::computing`].

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::Range;

use stdx::merge_sort::MergeSort;
use value::zset::{Builder, Element, Rule, ScoreBound, ScoreRange, Settings};
use value::{ZSet, ZSetRef};

use super::area::cells;
use super::arguments::Unit;
use super::cell::place_of;
use super::place::{write_distance, write_point};
use super::query::{Form, Query, Sort};
use super::shape::Shape;
use crate::args::Args;
use crate::command::Outcome;
use crate::commands::sorted_set::store;
use crate::computing::{self, Answer, FEW_ELEMENTS, Recorded, STEP_ELEMENTS, Stored};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::shortlist;
use crate::slices::{ByPosition, ELEMENT_HEAD, Progress};

/// Places that a step brings nearer to where they belong: they are quick.
const STEP_SORTED: usize = 4 * STEP_ELEMENTS;
/// Bytes of a distance, a hash and a place in a reply, about.
const SHOWN_BYTES: [usize; 3] = [16, 20, 50];

/// See the module's text.
#[derive(Debug)]
struct Searching {
    query: Query,
    /// As it was read; `None`: there is no such key.
    source: Option<ZSet>,
    /// What is looked for; `None`: nothing can be found.
    shape: Option<Shape>,
    unit: Unit,
    /// The positions of the source that have still to be looked at.
    rest: VecDeque<Range<usize>>,
    found: Vec<Found>,
    /// How many have been found.
    count: usize,
    /// Those that were found, on their way into order.
    sort: Option<MergeSort<Found>>,
    is_sorted: bool,
    /// What is stored, and how many of those found are in it.
    result: ZSet,
    built: usize,
    recorded: Recorded,
    settings: Settings,
    scratch: Vec<u8>,
}

/// A place that was found.
#[derive(Debug, Clone, Copy)]
struct Found {
    /// Where in the source.
    position: usize,
    /// As the how manieth of all.
    number: usize,
    /// From the middle, in metres.
    distance: f64,
}

impl Searching {
    /// Reads the arguments and the source, which is locked.
    fn read(ctx: &mut Context<'_, '_>, args: &Args<'_>, form: Form) -> Result<Self, Error> {
        let key = ctx.key(args, if form == Form::SearchStore { 2 } else { 1 });
        let settings = ctx.shared.keyspace.settings().zset;
        let mut db = ctx.db();
        let zset = db.zset(&key)?;
        let mut query = Query::parse(args, form, zset)?;
        let recorded = Recorded::value_if(query.any || query.is_polygon());
        let (shape, unit) = query.shape().unzip();
        let rest: VecDeque<_> = match (zset, &shape) {
            (Some(zset), Some(shape)) => ranges(zset, shape).collect(),
            _ => VecDeque::new(),
        };
        Ok(Self {
            query,
            source: zset.map(ZSetRef::to_owned),
            shape,
            unit: unit.unwrap_or(Unit::METRE),
            rest,
            found: Vec::new(),
            count: 0,
            sort: None,
            is_sorted: false,
            result: ZSet::new(),
            built: 0,
            recorded,
            settings,
            scratch: Vec::new(),
        })
    }

    /// Takes room for all that may be found, so that none of it is moved while more comes. The first step does that: of many
    /// searches that a client has sent one behind the other only one is at work.
    fn make_room(&mut self) {
        if self.found.capacity() == 0 {
            let most = if self.chooses() { shortlist::ROOM } else { self.enough() };
            self.found.reserve_exact(most.min(self.left()));
        }
    }

    /// Places that have still to be looked at.
    fn left(&self) -> usize {
        self.rest.iter().map(Range::len).sum()
    }

    /// Whether it is done at once.
    fn is_small(&self) -> bool {
        self.left() <= FEW_ELEMENTS
    }

    /// After so many nothing more has to be looked for.
    fn enough(&self) -> usize {
        if self.query.any { self.query.count } else { usize::MAX }
    }

    /// The order of what is shown.
    fn order(&self) -> Sort {
        match self.query.sort {
            // The nearest are wanted if only so many are, unless any will do.
            Sort::None if self.query.count > 0 && !self.query.any => Sort::NearestFirst,
            // A sorted set has an order of its own.
            _ if self.query.target.is_some() && self.query.count == 0 => Sort::None,
            sort => sort,
        }
    }

    /// Whether only the first few are kept.
    fn chooses(&self) -> bool {
        self.order() != Sort::None && (1..=shortlist::FEW).contains(&self.query.count)
    }

    /// Looks at some places; false when all were looked at.
    fn look(&mut self) -> bool {
        self.make_room();
        let enough = self.enough();
        let (Some(zset), Some(shape)) = (&self.source, &self.shape) else { return false };
        let Some(range) = self.rest.front_mut() else { return false };
        let end = range.end.min(range.start + STEP_ELEMENTS);
        for (position, element) in (range.start..).zip(zset.as_ref().range(range.start..end)) {
            if let Some(distance) = shape.distance_inside(place_of(element.score)) {
                self.found.push(Found { position, number: self.count, distance });
                self.count += 1;
            }
            if self.count == enough {
                self.rest.clear();
                return false;
            }
        }
        range.start = end;
        if range.start == range.end {
            self.rest.pop_front();
        }
        if self.chooses() {
            let order = self.order();
            shortlist::thin_out(&mut self.found, |one, other| compare(order, one, other));
        }
        true
    }

    /// Brings some of what was found nearer to its place; false when all is in order.
    fn put_in_order(&mut self) -> bool {
        let order = self.order();
        if self.is_sorted {
            return false;
        }
        if order != Sort::None {
            let found = &mut self.found;
            let sort = self.sort.get_or_insert_with(|| MergeSort::new(std::mem::take(found)));
            if sort.step(STEP_SORTED, |one, other| compare(order, one, other)) {
                return true;
            }
            self.found = self.sort.take().map_or_else(Vec::new, MergeSort::finish);
        }
        if self.query.count > 0 {
            self.found.truncate(self.query.count);
        }
        self.is_sorted = true;
        false
    }

    /// Puts some of what was found into the sorted set that is stored; false when all is in it.
    fn build(&mut self) -> bool {
        let Some(zset) = self.source.as_ref().filter(|_| self.query.target.is_some()) else { return false };
        let end = self.found.len().min(self.built + STEP_ELEMENTS);
        let (found, unit) = (&self.found[self.built..end], self.stored_unit());
        self.result.edit(&mut self.scratch, self.settings, |edit| {
            for (member, score) in found.iter().map(|found| found.scored(zset, unit)) {
                edit.add(member, score, Rule::default()).expect("a distance is a number");
            }
        });
        self.built = end;
        end < self.found.len()
    }

    /// The unit of the distances, if those are stored as scores.
    fn stored_unit(&self) -> Option<Unit> {
        self.query.stores_distance.then_some(self.unit)
    }

    fn advance(&mut self) -> Progress {
        if self.look() || self.put_in_order() || self.build() { Progress::More } else { Progress::Done }
    }
}

/// The positions of the places in the cells around a shape, in the order in which they are looked at.
fn ranges(zset: ZSetRef<'_>, shape: &Shape) -> impl Iterator<Item = Range<usize>> {
    let ranges = cells(shape).into_iter().map(move |cell| {
        let (min, max) = cell.scores();
        let max = ScoreBound { score: max as f64, is_exclusive: true };
        zset.positions_by_score(&ScoreRange { min: ScoreBound::inclusive(min as f64), max })
    });
    ranges.filter(|range| range.start < range.end)
}

/// Never equal but for a place and itself.
fn compare(order: Sort, one: &Found, other: &Found) -> Ordering {
    let compared = one.distance.total_cmp(&other.distance);
    let compared = if order == Sort::FarthestFirst { compared.reverse() } else { compared };
    compared.then(one.number.cmp(&other.number))
}

impl Found {
    fn element<'z>(&self, zset: ZSetRef<'z>) -> Element<'z> {
        zset.get(self.position).expect("it was found there")
    }

    /// The member and the score with which it is stored: as it is there, or the distance in a unit.
    fn scored<'z>(&self, zset: &'z ZSet, unit: Option<Unit>) -> (&'z [u8], f64) {
        let Element { member, score } = self.element(zset.as_ref());
        (member, unit.map_or(score, |unit| self.distance / unit.0))
    }
}

impl Answer for Searching {
    fn step(&mut self) -> Progress {
        self.advance()
    }

    fn write(&mut self, reply: &mut Reply<'_>) -> Outcome {
        let count = self.found.len();
        reply.array(count);
        let Some(zset) = self.source.take() else { return Ok(()) };
        let Query { with_distance, with_hash, with_place, .. } = self.query;
        let more = [with_distance, with_hash, with_place];
        let mut shown = Shown { zset, found: std::mem::take(&mut self.found), more, unit: self.unit };
        if reply.leaves(count) {
            let bytes = shown.element_bytes();
            reply.produce(ByPosition::new(shown, 0..count, bytes, reply.protocol(), Shown::write));
        } else {
            shown.write(0..count, reply);
        }
        Ok(())
    }
}

impl Stored for Searching {
    fn is_small(&self) -> bool {
        self.is_small()
    }

    fn step(&mut self) -> Progress {
        self.advance()
    }

    fn complete(&mut self) {
        while self.look() || self.put_in_order() {}
        if let Some(zset) = self.source.as_ref().filter(|_| self.built == 0) {
            let unit = self.stored_unit();
            let builder: Builder = self.found.iter().map(|found| found.scored(zset, unit)).collect();
            self.result = builder.finish(self.settings).expect("no cell is looked at twice");
            self.built = self.found.len();
        }
        while self.build() {}
    }

    fn is_same(&self, now: &Self) -> bool {
        match (&self.source, &now.source) {
            (Some(before), Some(now)) => before.is_same(now),
            (None, None) => true,
            _ => false,
        }
    }

    fn install(&mut self, ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
        let target = ctx.key(args, self.query.target.expect("its handler has looked"));
        let result = std::mem::take(&mut self.result);
        reply.integer(store(ctx, args, &target, result, self.recorded) as i64);
        Ok(())
    }
}

/// What was found, on its way to the client: each place alone, or with what was asked for besides.
#[derive(Debug)]
struct Shown {
    zset: ZSet,
    found: Vec<Found>,
    /// Whether the distance, the hash and the place are asked for.
    more: [bool; 3],
    unit: Unit,
}

impl Shown {
    /// Bytes of a place, about.
    fn element_bytes(&self) -> usize {
        let zset = self.zset.as_ref();
        let more = self.more.iter().zip(SHOWN_BYTES).filter(|(is_shown, _)| **is_shown);
        zset.data_bytes() / zset.len().max(1) + ELEMENT_HEAD + more.map(|(_, bytes)| bytes).sum::<usize>()
    }

    fn write(&mut self, part: Range<usize>, reply: &mut Reply<'_>) {
        let [with_distance, with_hash, with_place] = self.more;
        let more = self.more.iter().filter(|is_shown| **is_shown).count();
        for found in &self.found[part] {
            let element = found.element(self.zset.as_ref());
            if more > 0 {
                reply.array(more + 1);
            }
            reply.bulk(element.member);
            if with_distance {
                write_distance(reply, found.distance / self.unit.0);
            }
            if with_hash {
                reply.integer(element.score as i64);
            }
            if with_place {
                write_point(reply, place_of(element.score));
            }
        }
    }
}

/// Shows what is found; the source is locked.
fn show(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, form: Form) -> Outcome {
    let searching = Searching::read(ctx, args, form)?;
    let is_small = searching.is_small();
    reply.answer(searching, is_small)
}

/// For the commands that store if an option says so: nothing is locked then, else the source.
fn show_or_store(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    (form, read): (Form, computing::Read<Searching>),
) -> Outcome {
    if ctx.row.command.stores(args) {
        computing::store(ctx, args, reply, read)
    } else {
        show(ctx, args, reply, form)
    }
}

pub(super) fn geosearch(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    show(ctx, args, reply, Form::Search)
}

pub(super) fn geosearchstore(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    computing::store(ctx, args, reply, |ctx, args| Searching::read(ctx, args, Form::SearchStore))
}

pub(super) fn georadius(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    const FORM: Form = Form::Radius { stores: true };
    show_or_store(ctx, args, reply, (FORM, |ctx, args| Searching::read(ctx, args, FORM)))
}

pub(super) fn georadius_ro(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    show(ctx, args, reply, Form::Radius { stores: false })
}

pub(super) fn georadiusbymember(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    const FORM: Form = Form::RadiusByMember { stores: true };
    show_or_store(ctx, args, reply, (FORM, |ctx, args| Searching::read(ctx, args, FORM)))
}

pub(super) fn georadiusbymember_ro(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    show(ctx, args, reply, Form::RadiusByMember { stores: false })
}
