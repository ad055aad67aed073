//! Sets through the door, against sets of the standard library: what commands see, what is recorded, and what becomes of
//! keys. What is recorded is applied to a second model, which must end as the first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use keyspace::{
    Access, Count, Db, DbIndex, Effect, Key, Keyspace, MemberPages, Options, Pages, Witness, WorkerId,
};
use proptest::prelude::*;
use stdx::hash::HashKey;
use stdx::time::UnixMs;
use value::Set;
use value::set::Encoding;
use value::set::algebra::{self, Operation as Combination};

const DATABASE: DbIndex = DbIndex(0);

type Members = BTreeSet<Vec<u8>>;
type Model = BTreeMap<u8, Members>;

#[derive(Debug, Clone)]
enum Operation {
    Add(u8, Vec<Vec<u8>>),
    Remove(u8, Vec<Vec<u8>>),
    Move(u8, u8, Vec<u8>),
    Pop(u8, usize),
    Store(Combination, u8, Vec<u8>),
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (0_i64..60).prop_map(|integer| integer.to_string().into_bytes()),
        3 => (0_u8..60).prop_map(|byte| vec![b'm', byte]),
        1 => (40_usize..300).prop_map(|length| vec![b'x'; length]),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let key = 0_u8..4;
    let members = || prop::collection::vec(member(), 1..30);
    let combination =
        prop_oneof![Just(Combination::Union), Just(Combination::Intersection), Just(Combination::Difference)];
    prop_oneof![
        4 => (key.clone(), members()).prop_map(|(key, members)| Operation::Add(key, members)),
        2 => (key.clone(), members()).prop_map(|(key, members)| Operation::Remove(key, members)),
        2 => (key.clone(), key.clone(), member()).prop_map(|(from, to, member)| Operation::Move(from, to, member)),
        2 => (key.clone(), 0_usize..40).prop_map(|(key, count)| Operation::Pop(key, count)),
        1 => (combination, key.clone(), prop::collection::vec(key, 1..4))
            .prop_map(|(combination, key, from)| Operation::Store(combination, key, from)),
    ]
}

/// The effects in this test: a letter, keys as their numbers, and members behind their lengths.
fn encode(effect: &Effect<'_>, out: &mut Vec<u8>) {
    let mut put = |letter: u8, keys: &[&[u8]], members: &[&[u8]]| {
        out.extend_from_slice(&[letter, keys.len() as u8]);
        keys.iter().for_each(|key| out.push(key[1]));
        out.push(members.len() as u8);
        for member in members {
            out.extend_from_slice(&(member.len() as u16).to_le_bytes());
            out.extend_from_slice(member);
        }
    };
    match effect {
        Effect::AddMembers { key, members } => put(b'+', &[key], members),
        Effect::RemoveMembers { key, members } => put(b'-', &[key], members),
        Effect::MoveMember { from, to, member } => put(b'>', &[from, to], &[member]),
        Effect::Delete { key, .. } => put(b'x', &[key], &[]),
        Effect::CombineSets { operation, to, from } => {
            let letter = match operation {
                Combination::Union => b'|',
                Combination::Intersection => b'&',
                Combination::Difference => b'~',
            };
            let keys: Vec<&[u8]> = std::iter::once(*to).chain(from.iter().copied()).collect();
            put(letter, &keys, &[]);
        }
        Effect::SetExpiry { .. } => {} // of no concern to the members
        other => panic!("{other:?} is not about sets"),
    }
}

fn take<'t>(text: &mut &'t [u8], count: usize) -> &'t [u8] {
    let (taken, rest) = text.split_at(count);
    *text = rest;
    taken
}

/// Applies all effects of a log.
fn replay(mut text: &[u8]) -> Model {
    let mut model = Model::new();
    while !text.is_empty() {
        let [letter, count] = *take(&mut text, 2) else { unreachable!("two bytes") };
        let keys = take(&mut text, usize::from(count));
        let count = take(&mut text, 1)[0];
        let members: Vec<Vec<u8>> = (0..count)
            .map(|_| {
                let length = u16::from_le_bytes(take(&mut text, 2).try_into().expect("two bytes"));
                take(&mut text, usize::from(length)).to_vec()
            })
            .collect();
        let set = model.entry(keys[0]).or_default();
        match letter {
            b'+' => members.into_iter().for_each(|member| assert!(set.insert(member), "it is new")),
            b'-' => members.into_iter().for_each(|member| assert!(set.remove(&member), "it was there")),
            b'>' => {
                assert!(set.remove(&members[0]), "it was there");
                model.entry(keys[1]).or_default().insert(members[0].clone());
            }
            b'x' => set.clear(),
            letter => {
                let combination = match letter {
                    b'|' => Combination::Union,
                    b'&' => Combination::Intersection,
                    _ => Combination::Difference,
                };
                let result = combined(&model, combination, &keys[1..]);
                model.insert(keys[0], result);
            }
        }
    }
    model
}

fn combined(model: &Model, combination: Combination, from: &[u8]) -> Members {
    let mut sets = from.iter().map(|key| model.get(key).cloned().unwrap_or_default());
    let first = sets.next().expect("there is one");
    sets.fold(first, |result, other| match combination {
        Combination::Union => &result | &other,
        Combination::Intersection => &result & &other,
        Combination::Difference => &result - &other,
    })
}

/// Runs an operation on both sides and compares the answers.
fn run(operation: Operation, access: &mut Access<'_>, model: &mut Model) {
    let names: Vec<Vec<u8>> = (0..4_u8).map(|number| vec![b'k', number]).collect();
    let keys: Vec<_> = names.iter().map(|name| access.keyspace().key(name)).collect();
    let mut shards: Vec<usize> = keys.iter().map(|key| access.shard_of(key)).collect();
    access.lock(&mut shards);
    let settings = access.keyspace().settings().set;
    let mut db = access.db(DATABASE);
    let key_of = |number: u8| &keys[usize::from(number)];
    match operation {
        Operation::Add(key, members) => {
            let slices: Vec<&[u8]> = members.iter().map(Vec::as_slice).collect();
            let added = db.set_add(key_of(key), &slices);
            let set = model.entry(key).or_default();
            let before = set.len();
            set.extend(members);
            assert_eq!(added, Ok(set.len() - before));
        }
        Operation::Remove(key, members) => {
            let slices: Vec<&[u8]> = members.iter().map(Vec::as_slice).collect();
            let removed = db.set_remove(key_of(key), &slices);
            let set = model.entry(key).or_default();
            let expected = members.iter().filter(|member| set.remove(*member)).count();
            assert_eq!(removed, Ok(expected));
        }
        Operation::Move(from, to, member) => {
            let moved = db.set_move(key_of(from), key_of(to), &member);
            let is_there = model.entry(from).or_default().remove(&member);
            if is_there {
                model.entry(to).or_default().insert(member);
            }
            assert_eq!(moved, Ok(is_there));
        }
        Operation::Pop(key, count) => {
            let mut seen = Vec::new();
            let popped =
                db.set_pop(key_of(key), Count::UpTo(count), &mut |member| seen.push(member.to_vec()));
            let set = model.entry(key).or_default();
            assert_eq!(popped, Ok(count.min(set.len())));
            assert_eq!(seen.len(), count.min(set.len()));
            seen.iter().for_each(|member| assert!(set.remove(member), "it was there"));
        }
        Operation::Store(combination, to, from) => {
            let sets: Vec<Set> = from
                .iter()
                .map(|key| {
                    db.set(key_of(*key)).expect("a set").map_or_else(Set::new, value::SetRef::to_owned)
                })
                .collect();
            let sources: Vec<&[u8]> = from.iter().map(|key| key_of(*key).bytes).collect();
            let stored = algebra::combine(combination, &sets, settings);
            let length = db.set_store(key_of(to), combination, &sources, stored);
            let result = combined(model, combination, &from);
            assert_eq!(length, result.len());
            model.insert(to, result);
        }
    }
    compare(&mut db, &keys, model);
    access.unlock();
}

fn compare(db: &mut Db<'_, '_>, keys: &[Key<'_>], model: &Model) {
    for (number, key) in keys.iter().enumerate() {
        let set = model.get(&(number as u8)).filter(|set| !set.is_empty());
        let found = db.set(key).expect("a set");
        let members = found.map(|found| found.iter().map(|member| member.to_vec()).collect::<Members>());
        assert_eq!(members.as_ref(), set, "a set without members has no key");
    }
}

fn keyspace() -> Keyspace {
    let keyspace =
        Keyspace::new(Options { databases: 1, shards: 1024, workers: 1, hash_key: HashKey([3, 4]), encode });
    keyspace.set_recording(true);
    keyspace
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn sets_behave_like_sets(operations in prop::collection::vec(operation(), 1..60), most in 0_usize..100) {
        let keyspace = keyspace();
        keyspace.limits().set_integers.store(most, std::sync::atomic::Ordering::Relaxed);
        keyspace.limits().set_packed_entries.store(most / 2, std::sync::atomic::Ordering::Relaxed);
        let mut access = Access::new(&keyspace, WorkerId(0), 1);
        let mut model = Model::new();
        access.begin(UnixMs(1000));
        for operation in operations {
            run(operation, &mut access, &mut model);
        }
        access.end();
        model.retain(|_, set| !set.is_empty());
        prop_assert_eq!(keyspace.len(DATABASE), model.len());
        let mut log = keyspace::log::Run::default();
        keyspace.log().take(&mut log);
        let mut replayed = replay(&log.bytes);
        replayed.retain(|_, set| !set.is_empty());
        prop_assert_eq!(replayed, model);
    }
}

/// Runs `body` on a set of so many members.
fn check(members: usize, body: impl FnOnce(&mut Access<'_>, &Key<'_>)) {
    let keyspace = keyspace();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    let key = keyspace.key(b"k0");
    let mut shards = [access.shard_of(&key)];
    access.lock(&mut shards);
    let names: Vec<String> = (0..members).map(|number| format!("member:{number}")).collect();
    for names in names.chunks(100) {
        let slices: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
        access.db(DATABASE).set_add(&key, &slices).expect("a set");
    }
    body(&mut access, &key);
    access.unlock();
    access.end();
}

#[test]
fn a_few_that_stay_behind_a_pop_make_a_small_set_again() {
    check(1000, |access, key| {
        access.db(DATABASE).set_expiry(key, UnixMs(5000));
        let mut popped = Members::new();
        let count = access.db(DATABASE).set_pop(key, Count::UpTo(990), &mut |member| {
            assert!(popped.insert(member.to_vec()), "each once");
        });
        assert_eq!((count, popped.len()), (Ok(990), 990));
        let mut db = access.db(DATABASE);
        let left = db.set(key).expect("a set").expect("ten are left");
        assert_eq!((left.len(), left.encoding()), (10, Encoding::Listpack));
        assert!(left.iter().all(|member| !popped.contains(&*member)));
        assert_eq!(access.db(DATABASE).expiry(key), Some(Some(UnixMs(5000))));
        assert!(access.has_reclaim(), "the large set is freed elsewhere");
    });
}

#[test]
fn storing_over_a_large_value_frees_it_elsewhere() {
    check(1000, |access, key| {
        access.db(DATABASE).set_store(key, Combination::Union, &[b"k1"], Set::new());
        assert!(access.has_reclaim());
        assert_eq!(access.db(DATABASE).set(key).expect("a set").map(value::SetRef::len), None);
    });
}

#[test]
fn the_source_of_a_move_is_found_although_a_due_target_goes() {
    let keyspace = keyspace();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    access.stop_recording();
    // One page holds them all, so that a removal moves others.
    let names: Vec<Vec<u8>> = (0..20).map(|number| format!("{{page}}{number}").into_bytes()).collect();
    let keys: Vec<_> = names.iter().map(|name| keyspace.key(name)).collect();
    let mut shards = [access.shard_of(&keys[0])];
    access.lock(&mut shards);
    for key in &keys {
        access.db(DATABASE).set_add(key, &[key.bytes]).expect("a set");
    }
    let last = &keys[19];
    for (at, key) in keys.iter().enumerate().take(19) {
        access.set_now(UnixMs(1000 + at as i64 * 10));
        access.db(DATABASE).set_expiry(key, UnixMs(1005 + at as i64 * 10));
        access.set_now(UnixMs(1006 + at as i64 * 10));
        assert_eq!(access.db(DATABASE).set_move(last, key, last.bytes), Ok(true));
        assert_eq!(access.db(DATABASE).set(key).expect("a set").map(value::SetRef::len), Some(1));
        assert_eq!(access.db(DATABASE).set_move(key, last, last.bytes), Ok(true));
    }
    access.unlock();
    access.end();
}

/// Notes all members that it sees of a set; nothing may be seen twice. Of keys it wants to see nothing.
#[derive(Debug, Default)]
struct Copyist(Mutex<Members>);

impl Copyist {
    fn note(&self, pages: &MemberPages) {
        let members = &mut *self.0.lock().expect("nobody panics meanwhile");
        for stored in pages.iter() {
            let member = stored.name();
            assert!(members.insert(member.to_vec()), "{} is seen twice", member.escape_ascii());
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

/// A member of a set of 4000, or of none.
fn large_member() -> impl Strategy<Value = Vec<u8>> {
    (0..4500).prop_map(|number| format!("member:{number}").into_bytes())
}

/// A change of a large set, and how many steps are read behind it.
fn large_change() -> impl Strategy<Value = (Operation, usize)> {
    let members = || prop::collection::vec(large_member(), 1..200);
    let operation = prop_oneof![
        3 => members().prop_map(|members| Operation::Add(0, members)),
        3 => members().prop_map(|members| Operation::Remove(0, members)),
        1 => large_member().prop_map(|member| Operation::Move(0, 1, member)),
        1 => large_member().prop_map(|member| Operation::Move(1, 0, member)),
        1 => (0_usize..200).prop_map(|count| Operation::Pop(0, count)),
    ];
    (operation, 0_usize..3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn members_that_change_while_their_set_is_lent_are_shown_and_not_copied(
        changes in prop::collection::vec(large_change(), 1..20),
    ) {
        let keyspace = Arc::new(keyspace());
        let mut access = Access::new(&keyspace, WorkerId(0), 7);
        access.begin(UnixMs(1000));
        let before: Members = (0..4000).map(|number| format!("member:{number}").into_bytes()).collect();
        let mut model = Model::new();
        let names: Vec<Vec<u8>> = before.iter().cloned().collect();
        for members in names.chunks(100) {
            run(Operation::Add(0, members.to_vec()), &mut access, &mut model);
        }
        let cut = access.snapshot(|_| ()).lend(Arc::clone(&keyspace), Arc::new(Copyist::default()));
        let pages = cut.take().expect("the key of the set");
        let seen = pages.iter().next().expect("the key of the set");
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
