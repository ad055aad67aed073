//! Sorted sets: four ways to read them, two to write them.
//!
//! A small sorted set is written as Redis 7 does, as a listpack of members and scores in turn (type 17), a
//! large one as members and scores of eight bytes (type 5), the highest first, because Redis builds its
//! structure fastest from there. Where it is changed while it is saved, what was about to be changed stands out
//! of this order: readers take any.

use std::borrow::Cow;

use stdx::number::{parse_f64, write_f64};
use value::zset::{self, Builder, Encoding, Settings, ZSet, ZSetRef};

use super::block::Element;
use super::cursor::{Cursor, Fault};
use super::error::Problem;
use super::output::Output;
use super::{listpack, tag, ziplist};

/// What stands in the place of the length of a score's text for a score that is not finite.
const NOT_A_NUMBER: u8 = 253;
const POSITIVE_INFINITY: u8 = 254;
const NEGATIVE_INFINITY: u8 = 255;

/// Reads the sorted set that follows a type of sorted sets.
pub(crate) fn read(kind: u8, cursor: &mut Cursor<'_>, settings: Settings) -> Result<ZSet, Fault> {
    let mut zset = Builder::new();
    match kind {
        tag::ZSET | tag::ZSET_2 => {
            for _ in 0..cursor.length()? {
                let (member, score) = read_element(kind, cursor)?;
                zset.push(&member, score);
            }
        }
        tag::ZSET_ZIPLIST => add(&mut zset, &ziplist::elements(&cursor.string()?)?)?,
        tag::ZSET_LISTPACK => add(&mut zset, &listpack::elements(&cursor.string()?)?)?,
        _ => unreachable!("the caller has sorted the types"),
    }
    zset.finish(settings).map_err(|_| Problem::TwoScores.into())
}

/// A score as text, behind its length.
fn text_score(cursor: &mut Cursor<'_>) -> Result<f64, Fault> {
    match cursor.byte()? {
        NOT_A_NUMBER => Ok(f64::NAN),
        POSITIVE_INFINITY => Ok(f64::INFINITY),
        NEGATIVE_INFINITY => Ok(f64::NEG_INFINITY),
        length => Ok(score_of(cursor.take(length.into())?)?),
    }
}

/// Reads a member that stands by itself, and its score, which is a number.
#[inline]
pub(crate) fn read_element<'a>(kind: u8, cursor: &mut Cursor<'a>) -> Result<(Cow<'a, [u8]>, f64), Fault> {
    let member = cursor.string()?;
    let score = if kind == tag::ZSET { text_score(cursor)? } else { cursor.f64_le()? };
    check(score)?;
    Ok((member, score))
}

fn score_of(text: &[u8]) -> Result<f64, Problem> {
    parse_f64(text).ok_or(Problem::Range("the score of a sorted set is not a number"))
}

/// Adds the elements of a block: members and scores in turn.
fn add(zset: &mut Builder, elements: &[Element<'_>]) -> Result<(), Problem> {
    let (pairs, rest) = elements.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Problem::Block("a sorted set has a member without a score"));
    }
    for [member, score] in pairs {
        let score = match score {
            Element::Integer(integer) => *integer as f64,
            Element::Text(text) => score_of(text)?,
        };
        push(zset, &member.text(), score)?;
    }
    Ok(())
}

fn push(zset: &mut Builder, member: &[u8], score: f64) -> Result<(), Problem> {
    check(score)?;
    zset.push(member, score);
    Ok(())
}

fn check(score: f64) -> Result<(), Problem> {
    let problem = Problem::Range("the score of a sorted set is not a number");
    if score.is_nan() { Err(problem) } else { Ok(()) }
}

/// The type as which a sorted set is written.
pub(crate) fn tag(zset: ZSetRef<'_>) -> u8 {
    match zset.encoding() {
        Encoding::Listpack => tag::ZSET_LISTPACK,
        Encoding::Skiplist => tag::ZSET_2,
    }
}

/// Writes the sorted set behind its type.
pub(crate) fn write(zset: ZSetRef<'_>, output: &mut Output<'_>) {
    if zset.encoding() == Encoding::Skiplist {
        output.length(zset.len() as u64);
        return zset.iter().rev().for_each(|element| write_element(element, output));
    }
    let mut block = listpack::Writer::default();
    let mut score = Vec::with_capacity(32);
    for element in zset.iter() {
        score.clear();
        write_f64(&mut score, element.score);
        block.push(element.member);
        block.push(&score);
    }
    block.finish(|block| output.string(block));
}

/// Writes a member and its score.
pub(crate) fn write_element(element: zset::Element<'_>, output: &mut Output<'_>) {
    output.string(element.member);
    output.bytes(&element.score.to_le_bytes());
}
