//! Sorted sets against a map of the standard library, packed and large, with clones; and their forms against what Redis says.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use stdx::rng::Rng;

use super::score::{Code, encode};
use super::*;

const SETTINGS: Settings = Settings { max_packed_entries: 8, max_packed_value: 64, seed: HashKey([1, 2]) };

/// Scores by member.
type Model = BTreeMap<Vec<u8>, f64>;

fn edit<R>(zset: &mut ZSet, settings: Settings, change: impl FnOnce(&mut ZSetEdit<'_>) -> R) -> R {
    let mut scratch = Vec::new();
    let mut edit = match zset {
        ZSet::Packed(block) => ZSetEdit::packed(block, &mut scratch, settings),
        ZSet::Large(large) => ZSetEdit::large(large, settings),
    };
    let result = change(&mut edit);
    match edit.finish() {
        Edited::InPlace => {}
        Edited::Packed => *zset = ZSet::Packed(Arc::from(scratch)),
        Edited::Grown(grown) => *zset = grown,
    }
    result
}

fn add(zset: &mut ZSet, member: &[u8], score: f64) -> Outcome {
    edit(zset, SETTINGS, |edit| edit.add(member, score, Rule::default())).expect("the score is a number")
}

/// Members `0`, `1`, .. whose scores are given by a function.
fn zset_of(count: u32, score: impl Fn(u32) -> f64) -> ZSet {
    let mut builder = Builder::new();
    (0..count).for_each(|number| builder.push(number.to_string().as_bytes(), score(number)));
    builder.finish(SETTINGS).expect("each member comes once")
}

/// Elements in their order, by sorting the model.
fn sorted(model: &Model) -> Vec<(f64, Vec<u8>)> {
    let mut elements: Vec<_> = model.iter().map(|(member, score)| (*score, member.clone())).collect();
    elements.sort_by(|left, right| left.partial_cmp(right).expect("no NaN"));
    elements
}

fn elements(zset: ZSetRef<'_>) -> Vec<(f64, Vec<u8>)> {
    zset.iter().map(|element| (element.score, element.member.to_vec())).collect()
}

fn check(zset: ZSetRef<'_>, model: &Model) {
    let expected = sorted(model);
    assert_eq!(elements(zset), expected);
    let bytes = |(member, score): (&Vec<u8>, &f64)| Code::of(encode(*score)).as_slice().len() + member.len();
    assert_eq!(zset.data_bytes(), model.iter().map(bytes).sum::<usize>());
    for (position, (score, member)) in expected.iter().enumerate() {
        assert_eq!(zset.rank(member), Some((position, *score)));
    }
    assert_eq!(zset.score(b"no member"), None);
}

#[test]
fn a_sorted_set_becomes_large_at_the_thresholds_and_stays_so() {
    let encoding = |zset: &ZSet| zset.as_ref().encoding();
    let mut zset = zset_of(8, f64::from);
    assert_eq!(encoding(&zset), Encoding::Listpack);
    assert_eq!(add(&mut zset, b"3", 9.0), Outcome::Updated(9.0));
    assert_eq!(encoding(&zset), Encoding::Listpack, "a full block takes new scores for its members");
    assert_eq!(add(&mut zset, b"new", 9.0), Outcome::Added(9.0));
    assert_eq!(encoding(&zset), Encoding::Skiplist);
    edit(&mut zset, SETTINGS, |edit| edit.remove_range(1..9));
    assert_eq!(zset.as_ref().len(), 1);
    assert_eq!(encoding(&zset), Encoding::Skiplist);

    for (length, expected) in [(64, Encoding::Listpack), (65, Encoding::Skiplist)] {
        let mut zset = ZSet::new();
        add(&mut zset, &vec![b'm'; length], 1.0);
        assert_eq!(encoding(&zset), expected);
    }
    assert_eq!(encoding(&zset_of(9, f64::from)), Encoding::Skiplist);
}

#[test]
fn a_block_stays_bounded_whatever_the_thresholds_say() {
    let settings = Settings { max_packed_entries: usize::MAX, max_packed_value: usize::MAX, ..SETTINGS };
    let mut zset = ZSet::new();
    for number in 0..2000_u32 {
        let member = [&number.to_be_bytes()[..], &[b'm'; 40]].concat();
        edit(&mut zset, settings, |edit| edit.add(&member, 0.0, Rule::default())).expect("a number");
        if let ZSet::Packed(block) = &zset {
            assert!(block.len() <= PACKED_MAX);
        }
    }
    assert_eq!(zset.as_ref().encoding(), Encoding::Skiplist);
}

#[test]
fn both_zeros_are_one_score_and_infinities_are_scores() {
    let mut zset = ZSet::new();
    assert_eq!(add(&mut zset, b"b", -0.0), Outcome::Added(0.0));
    assert_eq!(add(&mut zset, b"a", 0.0), Outcome::Added(0.0));
    assert_eq!(add(&mut zset, b"b", 0.0), Outcome::Same(0.0));
    add(&mut zset, b"c", f64::INFINITY);
    add(&mut zset, b"d", f64::NEG_INFINITY);
    let members: Vec<&[u8]> = zset.as_ref().iter().map(|element| element.member).collect();
    assert_eq!(members, [&b"d"[..], b"a", b"b", b"c"]);
    assert!(zset.as_ref().score(b"b").is_some_and(f64::is_sign_positive));
    let rule = Rule { is_increment: true, ..Rule::default() };
    let sum = edit(&mut zset, SETTINGS, |edit| edit.add(b"c", f64::NEG_INFINITY, rule));
    assert_eq!(sum, Err(NotANumber));
}

#[test]
fn rules_are_those_of_zadd() {
    use Outcome::{Added, Refused, Same, Updated};
    let apply = |members, scores, is_increment, member: &[u8], score| {
        let mut zset = ZSet::new();
        add(&mut zset, b"m", 5.0);
        let rule = Rule { members, scores, is_increment };
        edit(&mut zset, SETTINGS, |edit| edit.add(member, score, rule)).expect("a number")
    };
    let any = (Members::Any, Scores::Any);
    assert_eq!(apply(Members::New, Scores::Any, false, b"m", 6.0), Refused);
    assert_eq!(apply(Members::New, Scores::Any, false, b"n", 6.0), Added(6.0));
    assert_eq!(apply(Members::Known, Scores::Any, false, b"n", 6.0), Refused);
    assert_eq!(apply(any.0, Scores::Greater, false, b"m", 5.0), Refused);
    assert_eq!(apply(any.0, Scores::Greater, false, b"m", 6.0), Updated(6.0));
    assert_eq!(apply(any.0, Scores::Less, false, b"m", 6.0), Refused);
    assert_eq!(apply(any.0, Scores::Less, false, b"n", 6.0), Added(6.0));
    assert_eq!(apply(any.0, any.1, true, b"m", 1.5), Updated(6.5));
    assert_eq!(apply(any.0, any.1, true, b"m", 0.0), Same(5.0));
    assert_eq!(apply(any.0, Scores::Less, true, b"m", 1.0), Refused);
}

#[test]
fn a_member_with_two_scores_is_refused() {
    for count in [3_u32, 500] {
        let mut builder = Builder::new();
        (0..count).for_each(|number| builder.push(&number.to_be_bytes(), f64::from(number)));
        builder.push(&1_u32.to_be_bytes(), 7.5);
        assert_eq!(builder.finish(SETTINGS).err(), Some(DuplicateMember));
        let mut builder = Builder::new();
        (0..count).for_each(|number| builder.push(&number.to_be_bytes(), f64::from(number)));
        builder.push(&1_u32.to_be_bytes(), 1.0);
        assert_eq!(builder.finish(SETTINGS).err(), Some(DuplicateMember));
    }
}

#[test]
fn members_with_one_fingerprint_are_told_apart() {
    let mut by_fingerprint = BTreeMap::new();
    let pairs: Vec<(u32, u32)> = (0..400_000_u32)
        .filter_map(|number| {
            let fingerprint = stdx::hash::sip13(&SETTINGS.seed, &number.to_be_bytes()) as u32;
            by_fingerprint.insert(fingerprint, number).map(|other| (other, number))
        })
        .collect();
    assert!(pairs.len() > 5, "{pairs:?}");
    for is_same_score in [false, true] {
        let mut zset = zset_of(20, f64::from);
        for &(one, other) in &pairs {
            add(&mut zset, &one.to_be_bytes(), 1.0);
            assert_eq!(zset.as_ref().score(&other.to_be_bytes()), None);
            let second = if is_same_score { 1.0 } else { 2.0 };
            assert_eq!(add(&mut zset, &other.to_be_bytes(), second), Outcome::Added(second));
            assert_eq!(zset.as_ref().score(&one.to_be_bytes()), Some(1.0));
            assert_eq!(add(&mut zset, &one.to_be_bytes(), 3.0), Outcome::Updated(3.0));
            assert_eq!(zset.as_ref().score(&other.to_be_bytes()), Some(second));
            assert_eq!(edit(&mut zset, SETTINGS, |edit| edit.remove(&one.to_be_bytes())), Some(3.0));
            assert_eq!(zset.as_ref().score(&other.to_be_bytes()), Some(second));
        }
    }
}

#[test]
fn ranges_of_scores_have_open_and_closed_ends() {
    for count in [8, 400] {
        let zset = zset_of(count, |number| f64::from(number / 2));
        let positions = |min: (f64, bool), max: (f64, bool)| {
            let bound = |(score, is_exclusive)| ScoreBound { score, is_exclusive };
            zset.as_ref().positions_by_score(&ScoreRange { min: bound(min), max: bound(max) })
        };
        let all = count as usize;
        assert_eq!(positions((1.0, false), (2.0, false)), 2..6);
        assert_eq!(positions((1.0, true), (2.0, false)), 4..6);
        assert_eq!(positions((1.0, false), (2.0, true)), 2..4);
        assert!(positions((1.0, true), (1.0, true)).is_empty());
        assert!(positions((2.0, false), (1.0, false)).is_empty());
        assert_eq!(positions((f64::NEG_INFINITY, false), (f64::INFINITY, false)), 0..all);
        assert_eq!(positions((f64::NEG_INFINITY, true), (f64::INFINITY, true)), 0..all);
        assert!(positions((f64::INFINITY, true), (f64::INFINITY, false)).is_empty());
    }
}

#[test]
fn ranges_of_members_have_open_and_closed_ends() {
    use LexBound::{Exclusive, Highest, Inclusive, Lowest};
    for padding in [0_u32, 100] {
        let mut builder = Builder::new();
        [b"a", b"b", b"c", b"d"].iter().for_each(|member| builder.push(*member, 0.0));
        (0..padding).for_each(|number| builder.push(format!("z{number:03}").as_bytes(), 0.0));
        let zset = builder.finish(SETTINGS).expect("each member comes once");
        let all = zset.as_ref().len();
        for from_last in [false, true] {
            let positions = |min, max| zset.as_ref().positions_by_member(&LexRange { min, max }, from_last);
            assert_eq!(positions(Inclusive(b"b"), Inclusive(b"c")), 1..3);
            assert_eq!(positions(Exclusive(b"b"), Inclusive(b"c")), 2..3);
            assert_eq!(positions(Inclusive(b"b"), Exclusive(b"c")), 1..2);
            assert_eq!(positions(Lowest, Exclusive(b"b")), 0..1);
            assert_eq!(positions(Lowest, Highest), 0..all);
            assert!(positions(Exclusive(b"b"), Exclusive(b"c")).is_empty());
            assert!(positions(Highest, Lowest).is_empty());
            assert!(positions(Inclusive(b"c"), Inclusive(b"b")).is_empty());
            assert_eq!(positions(Inclusive(b"c"), Highest), 2..all);
        }
    }
}

#[test]
fn every_element_is_chosen_about_as_often() {
    let mut rng = Rng::from_seed(7);
    for count in [5_u32, 50] {
        let zset = zset_of(count, f64::from);
        let mut chosen = BTreeMap::new();
        for _ in 0..count * 200 {
            let one = zset.as_ref().random(&mut rng).expect("it has members");
            let distinct = zset.as_ref().random_distinct(4, &mut rng);
            let repeated = zset.as_ref().random_repeated(1, &mut rng);
            for element in [one].into_iter().chain(distinct).chain(repeated) {
                *chosen.entry(element.member.to_vec()).or_insert(0) += 1;
            }
        }
        assert_eq!(chosen.len(), count as usize);
        assert!(chosen.values().all(|times| (1000..1400).contains(times)), "{chosen:?}");
    }
}

#[test]
fn distinct_choices_are_distinct_and_as_many_as_there_are() {
    let mut rng = Rng::from_seed(7);
    for members in [0_u32, 5, 100] {
        let zset = zset_of(members, f64::from);
        for count in [0, 1, 4, 20, 60, 99, 100, 1000, usize::MAX] {
            let chosen = zset.as_ref().random_distinct(count, &mut rng);
            let distinct: BTreeSet<_> = chosen.iter().map(|element| element.member).collect();
            assert_eq!(distinct.len(), chosen.len());
            assert_eq!(chosen.len(), count.min(members as usize));
        }
        assert_eq!(zset.as_ref().random_repeated(7, &mut rng).len(), if members == 0 { 0 } else { 7 });
    }
}

/// All members that a walk in many calls shows, and the most in one call; `between` changes the sorted set after each.
fn scan_all(zset: &mut ZSet, count: usize, mut between: impl FnMut(&mut ZSet)) -> (Vec<Vec<u8>>, usize) {
    let (mut seen, mut most, mut cursor) = (Vec::new(), 0, 0);
    loop {
        let before = seen.len();
        cursor =
            zset.as_ref().scan(cursor, count, &mut |element: Element<'_>| seen.push(element.member.to_vec()));
        most = most.max(seen.len() - before);
        if cursor == 0 {
            return (seen, most);
        }
        between(zset);
    }
}

#[test]
fn a_walk_shows_every_member_once_and_little_more_than_was_asked_for() {
    for (members, distinct_scores, bound) in
        [(5, 1, 5), (1000, 1000, 200), (20_000, 20_000, 250), (20_000, 700, 700), (20_000, 1, 700)]
    {
        let mut zset = zset_of(members, |number| f64::from(number % distinct_scores));
        let (mut seen, most) = scan_all(&mut zset, 10, |_| {});
        assert!(most <= bound, "{most} of {members} with {distinct_scores} scores");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), members as usize);
    }
}

#[test]
fn a_walk_misses_no_member_whose_score_changes_meanwhile() {
    for distinct_scores in [2000, 3] {
        let mut zset = zset_of(2000, |number| f64::from(number % distinct_scores));
        let mut rng = Rng::from_seed(3);
        let (seen, _) = scan_all(&mut zset, 10, |zset| {
            for _ in 0..200 {
                let member = rng.below(2000).to_string();
                add(zset, member.as_bytes(), rng.below(5000) as f64 - 2500.0);
            }
        });
        let seen: BTreeSet<_> = seen.into_iter().collect();
        assert_eq!(seen.len(), 2000);
    }
}

#[test]
fn a_large_sorted_set_takes_little_memory() {
    let mut rng = Rng::from_seed(5);
    let member = |number: u32| format!("member:{number:08}").into_bytes();
    let mut zset = ZSet::new();
    let scores: Vec<f64> = (0..100_000).map(|_| f64::from_bits(rng.next_u64() >> 2)).collect();
    for (number, &score) in scores.iter().enumerate() {
        add(&mut zset, &member(number as u32), score);
    }
    let bytes = |zset: &ZSet| zset.allocated_bytes() as f64 / zset.as_ref().len() as f64;
    assert!(bytes(&zset) < 46.0, "{}", bytes(&zset));
    let mut builder = Builder::new();
    zset.as_ref().iter().rev().for_each(|element| builder.push(element.member, element.score));
    let built = builder.finish(SETTINGS).expect("each member comes once");
    assert!(bytes(&built) < 41.0, "{}", bytes(&built));
    assert_eq!(elements(built.as_ref()), elements(zset.as_ref()));
}

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<u8>, f64, Rule),
    Remove(Vec<u8>),
    RemoveRange(usize, usize),
    Clone,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let member = prop_oneof![
        8 => (0_u8..60).prop_map(|number| vec![number]),
        1 => (0_u8..4, 60_usize..600).prop_map(|(byte, length)| vec![byte; length]),
    ];
    let score = prop_oneof![
        6 => (-4_i8..4).prop_map(f64::from),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        1 => Just(-0.0),
        1 => -1e9_f64..1e9,
    ];
    let members = prop_oneof![4 => Just(Members::Any), 1 => Just(Members::New), 1 => Just(Members::Known)];
    let scores = prop_oneof![4 => Just(Scores::Any), 1 => Just(Scores::Greater), 1 => Just(Scores::Less)];
    let rule = (members, scores, prop::bool::weighted(0.3))
        .prop_map(|(members, scores, is_increment)| Rule { members, scores, is_increment });
    let step = prop_oneof![
        12 => (member.clone(), score, rule).prop_map(|(member, score, rule)| Step::Add(member, score, rule)),
        3 => member.prop_map(Step::Remove),
        1 => (any::<usize>(), 0_usize..6).prop_map(|(at, count)| Step::RemoveRange(at, count)),
        1 => Just(Step::Clone),
    ];
    prop::collection::vec(step, 0..200)
}

/// What ZADD says of one member, told without any structure.
fn add_to_model(model: &mut Model, member: &[u8], score: f64, rule: Rule) -> Result<Option<f64>, NotANumber> {
    let before = model.get(member).copied();
    let after = if rule.is_increment { before.unwrap_or(0.0) + score } else { score } + 0.0;
    let is_refused = match (before, rule.members) {
        (None, Members::Known) | (Some(_), Members::New) => true,
        (Some(_), _) if after.is_nan() => return Err(NotANumber),
        (Some(before), _) => match rule.scores {
            Scores::Any => false,
            Scores::Greater => after <= before,
            Scores::Less => after >= before,
        },
        (None, _) => false,
    };
    if is_refused {
        return Ok(None);
    }
    model.insert(member.to_vec(), after);
    Ok(Some(after))
}

proptest! {
    #[test]
    fn a_sorted_set_behaves_like_a_map_and_its_clones_do_not_change(steps in steps()) {
        let (mut zset, mut model) = (ZSet::new(), Model::new());
        let mut clones: Vec<(ZSet, Model)> = Vec::new();
        for step in steps {
            match step {
                Step::Add(member, score, rule) => {
                    let expected = add_to_model(&mut model, &member, score, rule);
                    let outcome = edit(&mut zset, SETTINGS, |edit| edit.add(&member, score, rule));
                    prop_assert_eq!(outcome.map(Outcome::score), expected);
                }
                Step::Remove(member) => {
                    let removed = edit(&mut zset, SETTINGS, |edit| edit.remove(&member));
                    prop_assert_eq!(removed, model.remove(&member));
                }
                Step::RemoveRange(at, count) => {
                    let len = model.len();
                    let range = at % (len + 1)..(at % (len + 1) + count).min(len);
                    for (_, member) in &sorted(&model)[range.clone()] {
                        model.remove(member);
                    }
                    edit(&mut zset, SETTINGS, |edit| edit.remove_range(range));
                }
                Step::Clone => clones.push((zset.clone(), model.clone())),
            }
        }
        if let ZSet::Large(large) = &zset {
            prop_assert_eq!(large.index.len(), large.elements.len());
        }
        check(zset.as_ref(), &model);
        clones.iter().for_each(|(clone, then)| check(clone.as_ref(), then));
        let builder: Builder = model.iter().map(|(member, score)| (&member[..], *score)).collect();
        let built = builder.finish(SETTINGS).expect("each member comes once");
        check(built.as_ref(), &model);
    }

    #[test]
    fn ends_of_ranges_are_found_where_counting_finds_them(
        scores in prop::collection::vec(-5_i8..5, 0..40),
        (min, max) in (-6_i8..6, -6_i8..6),
        (min_exclusive, max_exclusive) in any::<(bool, bool)>(),
    ) {
        let zset = zset_of(scores.len() as u32, |number| f64::from(scores[number as usize]));
        let range = ScoreRange {
            min: ScoreBound { score: min.into(), is_exclusive: min_exclusive },
            max: ScoreBound { score: max.into(), is_exclusive: max_exclusive },
        };
        let is_before = |score: i8| if min_exclusive { score <= min } else { score < min };
        let is_behind = |score: i8| if max_exclusive { score >= max } else { score > max };
        let start = scores.iter().filter(|&&score| is_before(score)).count();
        let inside = scores.iter().filter(|&&score| !is_before(score) && !is_behind(score)).count();
        let positions = zset.as_ref().positions_by_score(&range);
        prop_assert_eq!(positions.len(), inside);
        prop_assert!(inside == 0 || positions.start == start);
    }
}
