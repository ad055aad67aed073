//! Hashes against a map of the standard library, packed and as tables, with clones and a clock that a test turns.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use stdx::rng::Rng;

const SETTINGS: Settings = Settings { max_packed_entries: 8, max_packed_value: 64, seed: HashKey([1, 2]) };

/// What a hash should hold: values and expiries by field.
type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<UnixMs>)>;

fn edit<R>(hash: &mut Hash, now: UnixMs, change: impl FnOnce(&mut HashEdit<'_>) -> R) -> R {
    hash.edit(&mut Vec::new(), SETTINGS, now, change)
}

fn hash_of(count: u32) -> Hash {
    let mut hash = Hash::new();
    edit(&mut hash, UnixMs(0), |edit| {
        for index in 0..count {
            edit.set(&index.to_be_bytes(), b"value", FieldExpiry::Clear);
        }
    });
    hash
}

fn contents(hash: HashRef<'_>) -> Model {
    hash.iter().map(|entry| (entry.field.to_vec(), (entry.value.to_vec(), entry.expiry))).collect()
}

fn scan_all(hash: HashRef<'_>, count: usize) -> BTreeSet<Vec<u8>> {
    let (mut seen, mut cursor) = (BTreeSet::new(), 0);
    loop {
        cursor = hash.scan(cursor, count, &mut |entry| {
            seen.insert(entry.field.to_vec());
        });
        if cursor == 0 {
            return seen;
        }
    }
}

#[test]
fn a_hash_becomes_a_table_at_the_thresholds_and_stays_one() {
    let encoding = |hash: &Hash| hash.at(UnixMs(0)).encoding();
    assert_eq!(encoding(&hash_of(8)), Encoding::Listpack);
    let mut grown = hash_of(9);
    assert_eq!(encoding(&grown), Encoding::Hashtable);
    edit(&mut grown, UnixMs(0), |edit| {
        for index in 1_u32..9 {
            assert!(edit.remove(&index.to_be_bytes()));
        }
    });
    assert_eq!(grown.at(UnixMs(0)).len(), 1);
    assert_eq!(encoding(&grown), Encoding::Hashtable);

    for (field, value, expected) in
        [(64, 64, Encoding::Listpack), (65, 1, Encoding::Hashtable), (1, 65, Encoding::Hashtable)]
    {
        let mut hash = Hash::new();
        edit(&mut hash, UnixMs(0), |edit| {
            edit.set(&vec![b'f'; field], &vec![b'v'; value], FieldExpiry::Clear)
        });
        assert_eq!(encoding(&hash), expected);
    }
}

#[test]
fn a_full_packed_hash_takes_new_values_for_its_fields() {
    let mut hash = hash_of(8);
    edit(&mut hash, UnixMs(0), |edit| edit.set(&3_u32.to_be_bytes(), b"other", FieldExpiry::Clear));
    assert_eq!(hash.at(UnixMs(0)).encoding(), Encoding::Listpack);
    assert_eq!(hash.at(UnixMs(0)).get(&3_u32.to_be_bytes()), Some(&b"other"[..]));
}

#[test]
fn values_of_any_length_are_kept_in_a_table() {
    let mut hash = hash_of(9);
    for length in [0, 512, 513, 70_000] {
        let value = vec![b'x'; length];
        edit(&mut hash, UnixMs(0), |edit| edit.set(b"long", &value, FieldExpiry::Clear));
        assert_eq!(hash.at(UnixMs(0)).get(b"long"), Some(&value[..]));
    }
}

#[test]
fn an_expired_field_of_a_table_is_new_when_it_gets_a_value() {
    let mut hash = hash_of(20);
    let field = &7_u32.to_be_bytes()[..];
    edit(&mut hash, UnixMs(0), |edit| edit.set_expiry(field, Some(UnixMs(10))));
    edit(&mut hash, UnixMs(10), |edit| {
        assert!(!edit.set_expiry(field, None), "it is not there");
        assert!(!edit.remove(field), "it is not there");
        assert!(edit.set(field, b"again", FieldExpiry::Keep), "it is new");
    });
    assert_eq!(hash.at(UnixMs(10)).entry(field).map(|entry| entry.expiry), Some(None));
}

#[test]
fn every_field_is_chosen_about_as_often() {
    for count in [5_u32, 50] {
        let hash = hash_of(count);
        let mut rng = Rng::from_seed(7);
        let mut chosen = BTreeMap::new();
        for _ in 0..count * 1000 {
            let entry = hash.at(UnixMs(0)).random(&mut rng).expect("it has fields");
            *chosen.entry(entry.field.to_vec()).or_insert(0) += 1;
        }
        assert_eq!(chosen.len(), count as usize);
        assert!(chosen.values().all(|times| (800..1200).contains(times)), "{chosen:?}");
    }
}

#[test]
fn distinct_choices_are_distinct_and_as_many_as_there_are() {
    let mut rng = Rng::from_seed(7);
    for fields in [5_u32, 100] {
        let hash = hash_of(fields);
        for count in [0, 1, 4, 20, 60, 99, 100, 1000, usize::MAX] {
            let chosen = hash.at(UnixMs(0)).random_distinct(count, &mut rng);
            let distinct: BTreeSet<_> = chosen.iter().map(|entry| entry.field).collect();
            assert_eq!(distinct.len(), chosen.len());
            assert_eq!(chosen.len(), count.min(fields as usize));
        }
    }
}

#[test]
fn choosing_from_expired_fields_ends() {
    let mut rng = Rng::from_seed(7);
    let mut hash = hash_of(1000);
    edit(&mut hash, UnixMs(0), |edit| {
        for index in 1_u32..1000 {
            edit.set_expiry(&index.to_be_bytes(), Some(UnixMs(5)));
        }
    });
    let late = hash.at(UnixMs(5));
    assert_eq!(late.random(&mut rng).map(|entry| entry.field), Some(&[0, 0, 0, 0][..]));
    assert_eq!(late.random_distinct(10, &mut rng).len(), 1);
    assert_eq!(late.count_live(), 1);
    edit(&mut hash, UnixMs(0), |edit| edit.set_expiry(&[0, 0, 0, 0], Some(UnixMs(5))));
    assert_eq!(hash.at(UnixMs(5)).random(&mut rng), None);
}

#[derive(Clone, Debug)]
enum Step {
    Set(u8, usize, FieldExpiry),
    Remove(u8),
    SetExpiry(u8, Option<UnixMs>),
    Advance(i64),
    Clone,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = (1_i64..60).prop_map(UnixMs);
    let expiry = prop_oneof![
        3 => Just(FieldExpiry::Clear),
        1 => Just(FieldExpiry::Keep),
        1 => at.clone().prop_map(FieldExpiry::At),
    ];
    let length = prop_oneof![8 => 0_usize..8, 1 => 60_usize..70, 1 => 500_usize..600];
    let field = 0_u8..16;
    let step = prop_oneof![
        6 => (field.clone(), length, expiry).prop_map(|(field, length, expiry)| Step::Set(field, length, expiry)),
        2 => field.clone().prop_map(Step::Remove),
        2 => (field, prop::option::of(at)).prop_map(|(field, at)| Step::SetExpiry(field, at)),
        1 => (0_i64..8).prop_map(Step::Advance),
        1 => Just(Step::Clone),
    ];
    prop::collection::vec(step, 0..80)
}

/// Applies a step as the keyspace does: what is expired goes before anything else is changed.
fn apply(step: &Step, hash: &mut Hash, model: &mut Model, now: UnixMs) {
    let expired: BTreeSet<Vec<u8>> = contents(hash.at(UnixMs::MIN))
        .into_iter()
        .filter(|(_, (_, expiry))| expiry.is_some_and(|at| at <= now))
        .map(|(field, _)| field)
        .collect();
    edit(hash, now, |edit| {
        let mut gone = BTreeSet::new();
        edit.remove_expired(now, usize::MAX, &mut |field| {
            gone.insert(field.to_vec());
        });
        assert_eq!(gone, expired);
        match step {
            Step::Set(field, length, expiry) => {
                let value = vec![b'v'; *length];
                let before = model.get(&vec![*field]).and_then(|(_, expiry)| *expiry);
                let was = model.insert(vec![*field], (value.clone(), expiry.apply(before)));
                assert_eq!(edit.set(&[*field], &value, *expiry), was.is_none());
            }
            Step::Remove(field) => {
                assert_eq!(edit.remove(&[*field]), model.remove(&vec![*field]).is_some());
            }
            Step::SetExpiry(field, at) => {
                let found = model.get_mut(&vec![*field]).map(|(_, expiry)| *expiry = *at).is_some();
                assert_eq!(edit.set_expiry(&[*field], *at), found);
            }
            Step::Advance(_) | Step::Clone => {}
        }
    });
}

proptest! {
    #[test]
    fn a_hash_behaves_like_a_map_and_its_clones_do_not_change(steps in steps()) {
        let (mut hash, mut model, mut now) = (Hash::new(), Model::new(), UnixMs(0));
        let mut clones: Vec<(Hash, Model)> = Vec::new();
        for step in &steps {
            apply(step, &mut hash, &mut model, now);
            match step {
                Step::Advance(by) => now = UnixMs(now.0 + by),
                Step::Clone => clones.push((hash.clone(), contents(hash.at(UnixMs::MIN)))),
                _ => {}
            }
            model.retain(|_, (_, expiry)| expiry.is_none_or(|at| at > now));
            let seen = hash.at(now);
            prop_assert_eq!(&contents(seen), &model);
            prop_assert_eq!(seen.count_live(), model.len());
            prop_assert_eq!(&scan_all(seen, 3), &model.keys().cloned().collect());
            let next = hash.at(UnixMs::MIN).next_expiry();
            let soonest = contents(hash.at(UnixMs::MIN)).values().filter_map(|(_, expiry)| *expiry).min();
            prop_assert_eq!(next.is_some(), soonest.is_some());
            prop_assert!(next <= soonest);
            for field in 0..16 {
                let expected = model.get(&vec![field]).map(|(value, _)| &value[..]);
                prop_assert_eq!(seen.get(&[field]), expected);
            }
        }
        for (clone, then) in &clones {
            prop_assert_eq!(&contents(clone.at(UnixMs::MIN)), then);
        }
    }
}
