//! Sorted sets through the door, against maps: what commands see, what is recorded, and what becomes of keys.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use keyspace::{
    Access, Added, Count, Db, DbIndex, Effect, Key, Keyspace, MemberPages, Options, Pages, Witness, WorkerId,
};
use proptest::prelude::*;
use stdx::hash::HashKey;
use stdx::time::UnixMs;
use value::ValueRef;
use value::members::Stored;
use value::zset::{End, Members, NotANumber, Outcome, Rule, Scores};

const DATABASE: DbIndex = DbIndex(0);

/// Scores by member, by key.
type Model = BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, f64>>;

#[derive(Debug, Clone)]
enum Operation {
    Add(u8, Vec<(f64, Vec<u8>)>, Rule),
    Increment(u8, Vec<u8>, f64),
    Remove(u8, Vec<Vec<u8>>),
    RemoveRange(u8, usize, usize),
    Pop(u8, End, usize),
    Rename(u8, u8),
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0_u8..40).prop_map(|byte| vec![byte]),
        1 => (0_u8..3, 60_usize..700).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![8 => (-4_i8..5).prop_map(f64::from), 1 => Just(f64::INFINITY), 1 => Just(f64::NEG_INFINITY)]
}

fn operation() -> impl Strategy<Value = Operation> {
    let key = 0_u8..3;
    let members = prop_oneof![3 => Just(Members::Any), 1 => Just(Members::New), 1 => Just(Members::Known)];
    let scores = prop_oneof![3 => Just(Scores::Any), 1 => Just(Scores::Greater), 1 => Just(Scores::Less)];
    let rule = (members, scores).prop_map(|(members, scores)| Rule { members, scores, is_increment: false });
    let pairs = prop::collection::vec((score(), member()), 1..20);
    let end = prop_oneof![Just(End::Lowest), Just(End::Highest)];
    prop_oneof![
        5 => (key.clone(), pairs, rule).prop_map(|(key, pairs, rule)| Operation::Add(key, pairs, rule)),
        2 => (key.clone(), member(), score()).prop_map(|(key, member, by)| Operation::Increment(key, member, by)),
        2 => (key.clone(), prop::collection::vec(member(), 1..6))
            .prop_map(|(key, members)| Operation::Remove(key, members)),
        1 => (key.clone(), 0_usize..30, 0_usize..30).prop_map(|(key, from, to)| Operation::RemoveRange(key, from, to)),
        1 => (key.clone(), end, 0_usize..8).prop_map(|(key, end, count)| Operation::Pop(key, end, count)),
        1 => (key.clone(), key).prop_map(|(from, to)| Operation::Rename(from, to)),
    ]
}

fn name(number: u8) -> Vec<u8> {
    vec![b'k', number]
}

fn sorted(zset: &BTreeMap<Vec<u8>, f64>) -> Vec<(f64, Vec<u8>)> {
    let mut elements: Vec<_> = zset.iter().map(|(member, score)| (*score, member.clone())).collect();
    elements.sort_by(|left, right| left.partial_cmp(right).expect("no NaN"));
    elements
}

/// Takes the members at a range of positions out of a model, which may have fewer.
fn take_range(zset: &mut BTreeMap<Vec<u8>, f64>, range: std::ops::Range<usize>) -> Vec<(f64, Vec<u8>)> {
    let gone: Vec<_> = sorted(zset).drain(range).collect();
    zset.retain(|member, _| !gone.iter().any(|(_, other)| other == member));
    gone
}

fn positions(zset: &BTreeMap<Vec<u8>, f64>, end: End, count: usize) -> std::ops::Range<usize> {
    let count = count.min(zset.len());
    if end == End::Lowest { 0..count } else { zset.len() - count..zset.len() }
}

/// Runs an operation on both sides and compares the answers.
fn run(operation: Operation, access: &mut Access<'_>, model: &mut Model) {
    let names: Vec<Vec<u8>> = (0..3).map(name).collect();
    let keys: Vec<_> = names.iter().map(|name| access.keyspace().key(name)).collect();
    let mut shards: Vec<usize> = keys.iter().map(|key| access.shard_of(key)).collect();
    access.lock(&mut shards);
    let mut db = access.db(DATABASE);
    let key_of = |number: u8| &keys[usize::from(number)];
    match operation {
        Operation::Add(key, pairs, rule) => {
            let slices: Vec<(f64, &[u8])> =
                pairs.iter().map(|(score, member)| (*score, &member[..])).collect();
            let added = db.zset_add(key_of(key), &slices, rule).expect("a sorted set");
            assert_eq!(added, add(model.entry(name(key)).or_default(), pairs, rule));
        }
        Operation::Increment(key, member, by) => {
            let rule = Rule { is_increment: true, ..Rule::default() };
            let outcome = db.zset_add_one(key_of(key), &member, by, rule).expect("a sorted set");
            let zset = model.entry(name(key)).or_default();
            let sum = zset.get(&member).copied().unwrap_or(0.0) + by;
            if sum.is_nan() {
                assert_eq!(outcome, Err(NotANumber));
            } else {
                assert_eq!(outcome.map(Outcome::score), Ok(Some(sum)));
                zset.insert(member, sum);
            }
        }
        Operation::Remove(key, members) => {
            let slices: Vec<&[u8]> = members.iter().map(Vec::as_slice).collect();
            let removed = db.zset_remove(key_of(key), &slices).expect("a sorted set");
            let zset = model.entry(name(key)).or_default();
            assert_eq!(removed, members.iter().filter(|member| zset.remove(*member).is_some()).count());
        }
        Operation::RemoveRange(key, from, to) => {
            let zset = model.entry(name(key)).or_default();
            let range = from.min(zset.len())..to.min(zset.len()).max(from.min(zset.len()));
            db.zset_remove_range(key_of(key), range.clone()).expect("a sorted set");
            take_range(zset, range);
        }
        Operation::Pop(key, end, count) => {
            let mut seen = Vec::new();
            let popped = db.zset_pop(key_of(key), end, Count::UpTo(count), &mut |element| {
                seen.push((element.score, element.member.to_vec()));
            });
            let zset = model.entry(name(key)).or_default();
            let range = positions(zset, end, count);
            let mut expected = take_range(zset, range);
            if end == End::Highest {
                expected.reverse();
            }
            assert_eq!((popped, seen), (Ok(expected.len()), expected));
        }
        Operation::Rename(from, to) => {
            if db.rename(key_of(from), key_of(to)) {
                let moved = model.remove(&name(from)).expect("the key is there");
                model.insert(name(to), moved);
            }
        }
    }
    model.retain(|_, zset| !zset.is_empty());
    compare(&mut db, &keys, model);
    access.unlock();
}

fn add(zset: &mut BTreeMap<Vec<u8>, f64>, pairs: Vec<(f64, Vec<u8>)>, rule: Rule) -> Added {
    let mut added = Added::default();
    for (score, member) in pairs {
        let before = zset.get(&member).copied();
        let is_allowed = match before {
            None => rule.members != Members::Known,
            Some(before) => {
                rule.members != Members::New
                    && match rule.scores {
                        Scores::Any => true,
                        Scores::Greater => score > before,
                        Scores::Less => score < before,
                    }
            }
        };
        if is_allowed {
            added.new += usize::from(before.is_none());
            added.updated += usize::from(before.is_some_and(|before| before.to_bits() != score.to_bits()));
            zset.insert(member, score);
        }
    }
    added
}

fn compare(db: &mut Db<'_, '_>, keys: &[Key<'_>], model: &Model) {
    for key in keys {
        let expected = model.get(key.bytes);
        let found = db.zset(key).expect("a sorted set");
        assert_eq!(found.is_some(), expected.is_some(), "a sorted set without members has no key");
        if let (Some(found), Some(expected)) = (found, expected) {
            let elements: Vec<_> =
                found.iter().map(|element| (element.score, element.member.to_vec())).collect();
            assert_eq!(elements, sorted(expected));
        }
    }
}

/// The log's text in this test: words behind their lengths, the first of them a letter.
fn encode(effect: &Effect<'_>, out: &mut Vec<u8>) {
    let mut put = |bytes: &[u8]| {
        out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        out.extend_from_slice(bytes);
    };
    match *effect {
        Effect::SetScores { key, members } => {
            put(b"A");
            put(key);
            for (score, member) in members {
                put(&score.to_le_bytes());
                put(member);
            }
        }
        Effect::RemoveScored { key, members } => {
            put(b"R");
            put(key);
            members.iter().for_each(|member| put(member));
        }
        Effect::PopScored { key, end, count } => {
            put(if end == End::Lowest { b"L" } else { b"H" });
            put(key);
            put(&(count.most() as u64).to_le_bytes());
        }
        Effect::RemoveRange { key, positions } => {
            put(b"P");
            put(key);
            put(&(positions.start as u64).to_le_bytes());
            put(&(positions.end as u64).to_le_bytes());
        }
        Effect::Rename { from, to } => {
            put(b"N");
            put(from);
            put(to);
        }
        _ => unreachable!("no operation here records {effect:?}"),
    }
}

/// Applies the text of one effect; what it names has to be as it says.
fn replay(model: &mut Model, mut text: &[u8]) {
    let mut words: Vec<&[u8]> = Vec::new();
    while let Some((length, rest)) = text.split_first_chunk() {
        let (word, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
        words.push(word);
        text = rest;
    }
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes")) as usize;
    let [kind, key, ref rest @ ..] = words[..] else { panic!("an effect has a letter and a key") };
    if kind == b"N" {
        let moved = model.remove(key).expect("what is renamed is there");
        model.insert(rest[0].to_vec(), moved);
        return;
    }
    let zset = model.entry(key.to_vec()).or_default();
    match kind {
        b"A" => {
            for pair in rest.chunks(2) {
                let score = f64::from_le_bytes(pair[0].try_into().expect("eight bytes"));
                let before = zset.insert(pair[1].to_vec(), score);
                assert!(
                    before.is_none_or(|before| before.to_bits() != score.to_bits()),
                    "nothing has changed"
                );
            }
        }
        b"R" => rest.iter().for_each(|member| assert!(zset.remove(*member).is_some())),
        b"P" => drop(take_range(zset, number(rest[0])..number(rest[1]))),
        _ => {
            let end = if kind == b"L" { End::Lowest } else { End::Highest };
            let range = positions(zset, end, number(rest[0]));
            assert_eq!(take_range(zset, range).len(), number(rest[0]));
        }
    }
    model.retain(|_, zset| !zset.is_empty());
}

fn keyspace() -> Keyspace {
    let keyspace =
        Keyspace::new(Options { databases: 1, shards: 1024, workers: 1, hash_key: HashKey([3, 4]), encode });
    keyspace.limits().zset_packed_entries.store(12, std::sync::atomic::Ordering::Relaxed);
    keyspace
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn sorted_sets_behave_like_maps_and_what_is_recorded_gives_the_same(
        operations in prop::collection::vec(operation(), 1..80)
    ) {
        let keyspace = keyspace();
        keyspace.set_recording(true);
        let mut access = Access::new(&keyspace, WorkerId(0), 1);
        let (mut model, mut replayed) = (Model::new(), Model::new());
        access.begin(UnixMs(1000));
        for operation in operations {
            run(operation, &mut access, &mut model);
        }
        access.end();
        prop_assert_eq!(keyspace.len(DATABASE), model.len());
        let mut log = keyspace::log::Run::default();
        keyspace.log().take(&mut log);
        let mut start = 0;
        for record in &log.records {
            replay(&mut replayed, &log.bytes[start..record.end]);
            start = record.end;
        }
        prop_assert_eq!(replayed, model);
    }
}

/// Notes all members that it sees of a sorted set; nothing may be seen twice. Of keys it wants to see nothing.
#[derive(Debug, Default)]
struct Copyist(Mutex<BTreeMap<Vec<u8>, f64>>);

impl Copyist {
    fn note(&self, pages: &MemberPages) {
        let members = &mut *self.0.lock().expect("nobody panics meanwhile");
        for stored in pages.iter() {
            let Stored::Element(element) = stored else { panic!("it is a sorted set") };
            let before = members.insert(element.member.to_vec(), element.score);
            assert!(before.is_none(), "{} is seen twice", element.member.escape_ascii());
        }
    }
}

impl Witness<MemberPages> for Copyist {
    fn look(&self, _: WorkerId, pages: MemberPages) {
        self.note(&pages);
    }
}

impl Witness<Pages> for Copyist {
    fn look(&self, _: WorkerId, _: Pages) {}
}

/// A change of a large sorted set, and how many steps are read behind it.
fn large_change() -> impl Strategy<Value = (Operation, usize)> {
    let member = || (0..4500).prop_map(|number| format!("member:{number}").into_bytes());
    let members = || prop::collection::vec(member(), 1..200);
    let pairs = prop::collection::vec((score(), member()), 1..200);
    let end = prop_oneof![Just(End::Lowest), Just(End::Highest)];
    let operation = prop_oneof![
        3 => pairs.prop_map(|pairs| Operation::Add(0, pairs, Rule::default())),
        3 => members().prop_map(|members| Operation::Remove(0, members)),
        1 => (member(), score()).prop_map(|(member, by)| Operation::Increment(0, member, by)),
        1 => (0_usize..3000, 0_usize..500)
            .prop_map(|(from, count)| Operation::RemoveRange(0, from, from + count)),
        1 => (end, 0_usize..200).prop_map(|(end, count)| Operation::Pop(0, end, count)),
    ];
    (operation, 0_usize..3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn members_that_change_while_their_sorted_set_is_lent_are_shown_and_not_copied(
        changes in prop::collection::vec(large_change(), 1..20),
    ) {
        let keyspace = Arc::new(keyspace());
        let mut access = Access::new(&keyspace, WorkerId(0), 7);
        access.begin(UnixMs(1000));
        let mut model = Model::new();
        let pairs = (0..4000_i32).map(|number| (f64::from(number % 9), format!("member:{number}").into_bytes()));
        run(Operation::Add(0, pairs.collect(), Rule::default()), &mut access, &mut model);
        let before = model[&name(0)].clone();
        let cut = access.snapshot(|_| ()).lend(Arc::clone(&keyspace), Arc::new(Copyist::default()));
        let pages = cut.take().expect("the key of the sorted set");
        let seen = pages.iter().next().expect("the key of the sorted set");
        let members = seen.value.members().expect("it is large");
        let copyist = Arc::new(Copyist::default());
        let witness = Arc::clone(&copyist);
        let lent = cut.lend_members(DATABASE, seen.key, members, witness);
        drop(pages);
        let read = || {
            let taken = lent.take();
            taken.iter().for_each(|pages| copyist.note(pages));
            !taken.is_empty()
        };
        let copied = value::copied_bytes();
        for (operation, steps) in changes {
            run(operation, &mut access, &mut model);
            (0..steps).for_each(|_| _ = read());
        }
        prop_assert_eq!(value::copied_bytes(), copied);
        while read() {}
        access.end();
        prop_assert!(*copyist.0.lock().expect("nobody panics meanwhile") == before);
    }
}

#[test]
fn what_a_large_sorted_set_loses_at_once_is_freed_elsewhere() {
    let keyspace = keyspace();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    let key = keyspace.key(b"large");
    let mut shards = [access.shard_of(&key)];
    access.lock(&mut shards);
    let names: Vec<[u8; 4]> = (0..10_000_u32).map(u32::to_be_bytes).collect();
    let members: Vec<(f64, &[u8])> = names.iter().map(|name| (0.0, &name[..])).collect();
    access.db(DATABASE).zset_add(&key, &members, Rule::default()).expect("a sorted set");
    access.db(DATABASE).zset_remove_range(&key, 10..9_990).expect("a sorted set");
    assert!(access.has_reclaim());
    let mut db = access.db(DATABASE);
    let zset = db.zset(&key).expect("a sorted set").expect("it is there");
    assert_eq!(zset.len(), 20);
    assert_eq!(zset.rank(&names[9_990]), Some((10, 0.0)));
    db.zset_remove_range(&key, 0..20).expect("a sorted set");
    assert!(!db.contains(&key));
    access.unlock();
    access.end();
}

#[test]
fn other_types_are_refused_and_copies_are_on_their_own() {
    let keyspace = keyspace();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    let keys = [keyspace.key(b"{a}text"), keyspace.key(b"{a}zset"), keyspace.key(b"{a}copy")];
    let mut shards = [access.shard_of(&keys[0])];
    access.lock(&mut shards);
    let mut db = access.db(DATABASE);
    db.set_string(&keys[0], b"text", keyspace::Expiry::Clear);
    assert!(db.zset(&keys[0]).is_err());
    assert!(db.zset_add(&keys[0], &[(1.0, b"m")], Rule::default()).is_err());
    assert!(db.zset_remove(&keys[0], &[b"m"]).is_err());
    assert!(db.zset_pop(&keys[0], End::Lowest, Count::One, &mut |_| ()).is_err());
    for count in [3_u32, 30] {
        let names: Vec<[u8; 4]> = (0..count).map(u32::to_be_bytes).collect();
        let members: Vec<(f64, &[u8])> = names.iter().map(|name| (1.0, &name[..])).collect();
        db.zset_add(&keys[1], &members, Rule::default()).expect("a sorted set");
        assert!(db.copy(&keys[1], &keys[2], DATABASE));
        db.zset_remove(&keys[1], &[&names[0]]).expect("a sorted set");
        let Some(ValueRef::ZSet(copy)) = db.peek(&keys[2]) else { panic!("a sorted set") };
        assert_eq!(copy.len(), count as usize);
        assert!(db.memory_bytes(&keys[2]).is_some_and(|bytes| bytes > count as usize * 12));
    }
    access.unlock();
    access.end();
}
