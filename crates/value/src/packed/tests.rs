//! Packed blocks against a plain list of entries, and against bytes that are no block.

use super::edit::{self, FieldExpiry};
use super::*;
use proptest::prelude::*;

type Model = Vec<(Vec<u8>, Vec<u8>, Option<UnixMs>)>;

fn empty() -> Vec<u8> {
    let mut block = Vec::new();
    edit::clear(&mut block);
    block
}

fn block_of(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut block = empty();
    for (field, value) in pairs {
        edit::set(&mut block, field.as_bytes(), value.as_bytes(), FieldExpiry::Clear);
    }
    block
}

fn fields(block: &[u8]) -> Vec<String> {
    Packed::trusted(block).iter().map(|entry| String::from_utf8_lossy(entry.field).into_owned()).collect()
}

fn contents(block: &[u8]) -> Model {
    let packed = Packed::validate(block).expect("an edited block is valid");
    packed.iter().map(|entry| (entry.field.to_vec(), entry.value.to_vec(), entry.expiry)).collect()
}

#[test]
fn ten_fields_cost_two_bytes_a_string_and_two_for_the_block() {
    let mut block = empty();
    for index in 0..10 {
        let (field, value) = (format!("field-{index:04}"), format!("value-{index:04}"));
        edit::set(&mut block, field.as_bytes(), value.as_bytes(), FieldExpiry::Clear);
    }
    assert_eq!(block.len(), 2 + 10 * (10 + 10 + 2));
}

#[test]
fn fields_stand_in_the_order_of_insertion() {
    let mut block = block_of(&[("c", "1"), ("a", "2"), ("b", "3"), ("c", "longer")]);
    assert_eq!(fields(&block), ["c", "a", "b"]);
    assert!(edit::remove(&mut block, b"c"));
    edit::set(&mut block, b"c", b"", FieldExpiry::Keep);
    assert_eq!(fields(&block), ["a", "b", "c"]);
}

#[test]
fn fields_that_expire_stand_first_and_soonest_first() {
    let mut block = block_of(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]);
    edit::set_expiry(&mut block, b"c", Some(UnixMs(9000)));
    edit::set_expiry(&mut block, b"d", Some(UnixMs(8000)));
    assert_eq!(fields(&block), ["d", "c", "a", "b"]);
    edit::set(&mut block, b"c", b"9", FieldExpiry::Clear);
    assert_eq!(fields(&block), ["d", "a", "b", "c"]);
    edit::set_expiry(&mut block, b"b", Some(UnixMs(8000)));
    edit::set_expiry(&mut block, b"a", Some(UnixMs(8000)));
    assert_eq!(fields(&block), ["a", "b", "d", "c"]);
    edit::set_expiry(&mut block, b"d", None);
    assert_eq!(fields(&block), ["a", "b", "c", "d"]);
    assert_eq!(Packed::trusted(&block).next_expiry(), Some(UnixMs(8000)));
}

#[test]
fn a_block_whose_expiries_are_gone_stays_expiring() {
    let mut block = block_of(&[("a", "1")]);
    edit::set_expiry(&mut block, b"a", Some(UnixMs(5)));
    edit::set_expiry(&mut block, b"a", None);
    assert!(Packed::trusted(&block).is_expiring());
    assert_eq!(Packed::trusted(&block).next_expiry(), None);
}

#[test]
fn overwriting_happens_only_at_equal_length_and_expiry() {
    let mut block = block_of(&[("a", "111")]);
    assert!(!edit::overwrite(&mut block, b"a", b"22", FieldExpiry::Clear));
    assert!(!edit::overwrite(&mut block, b"b", b"222", FieldExpiry::Clear));
    assert!(!edit::overwrite(&mut block, b"a", b"222", FieldExpiry::At(UnixMs(1))));
    assert!(edit::overwrite(&mut block, b"a", b"222", FieldExpiry::Clear));
    edit::set_expiry(&mut block, b"a", Some(UnixMs(7)));
    assert!(!edit::overwrite(&mut block, b"a", b"333", FieldExpiry::Clear));
    assert!(edit::overwrite(&mut block, b"a", b"333", FieldExpiry::Keep));
    assert_eq!(contents(&block), [(b"a".to_vec(), b"333".to_vec(), Some(UnixMs(7)))]);
}

#[test]
fn long_strings_take_longer_lengths() {
    for length in [127, 128, 16_383, 16_384, 60_000] {
        let long = vec![b'x'; length];
        let mut block = block_of(&[("before", "1")]);
        edit::set(&mut block, &long, &long, FieldExpiry::Clear);
        edit::set(&mut block, b"after", b"2", FieldExpiry::Clear);
        assert_eq!(contents(&block)[1], (long.clone(), long, None));
        assert_eq!(contents(&block).len(), 3);
    }
}

#[test]
fn room_ends_at_the_largest_block() {
    let mut block = empty();
    let value = vec![b'v'; 60];
    let mut count = 0_u32;
    while edit::has_room(&block, 4, value.len()) {
        edit::set(&mut block, &count.to_le_bytes(), &value, FieldExpiry::Clear);
        count += 1;
    }
    edit::set_expiry(&mut block, &0_u32.to_le_bytes(), Some(UnixMs(1)));
    assert!(block.len() <= MAX_BYTES);
    assert!(!edit::has_room(&empty(), usize::MAX, usize::MAX));
}

#[test]
fn bytes_that_are_no_block_are_refused() {
    let check = |bytes: &[u8], why| assert_eq!(Packed::validate(bytes).err(), Some(why), "{bytes:?}");
    check(&[], Invalid::Length);
    check(&[0], Invalid::Length);
    check(&[1, 0], Invalid::Length);
    check(&[0, 0, 0], Invalid::Length);
    check(&[1, 0, 1, 1, b'a'], Invalid::Length);
    check(&[1, 0, 0x81, 0, 0, b'a'], Invalid::Encoding);
    check(&[1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 1], Invalid::Encoding);
    check(&[1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, b'a'], Invalid::Length);
    check(&[2, 0, 1, 0, b'a', 1, 0, b'a'], Invalid::DuplicateField);
    check(&[1, 0x80, 1, 0, 0, 0, 0], Invalid::Length);
    let out_of_order = [2, 0x80, 2, 0, 0, 0, 0, 0, 1, 0, b'a', 1, 0, 0, 0, 0, 0, 1, 0, b'b'];
    check(&out_of_order, Invalid::Order);
}

#[derive(Clone, Debug)]
enum Step {
    Set(u8, Vec<u8>, FieldExpiry),
    Overwrite(u8, Vec<u8>, FieldExpiry),
    Remove(u8),
    SetExpiry(u8, Option<UnixMs>),
    RemoveExpired(UnixMs),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let value =
        prop_oneof![prop::collection::vec(any::<u8>(), 0..4), prop::collection::vec(any::<u8>(), 120..140)];
    let at = (1_i64..20).prop_map(UnixMs);
    let expiry =
        prop_oneof![Just(FieldExpiry::Keep), Just(FieldExpiry::Clear), at.clone().prop_map(FieldExpiry::At)];
    let field = 0_u8..12;
    let step = prop_oneof![
        4 => (field.clone(), value.clone(), expiry.clone()).prop_map(|(field, value, expiry)| Step::Set(field, value, expiry)),
        1 => (field.clone(), value, expiry).prop_map(|(field, value, expiry)| Step::Overwrite(field, value, expiry)),
        1 => field.clone().prop_map(Step::Remove),
        2 => (field, prop::option::of(at.clone())).prop_map(|(field, at)| Step::SetExpiry(field, at)),
        1 => at.prop_map(Step::RemoveExpired),
    ];
    prop::collection::vec(step, 0..60)
}

/// The same list without packing: a plain vector, kept in the order that the module promises.
fn put(model: &mut Model, field: &[u8], value: &[u8], expiry: FieldExpiry) {
    let index = model.iter().position(|entry| entry.0 == field);
    let before = index.and_then(|index| model[index].2);
    let after = expiry.apply(before);
    match index {
        Some(index) if before == after => model[index].1 = value.to_vec(),
        _ => {
            model.retain(|entry| entry.0 != field);
            let at = after
                .and_then(|after| model.iter().position(|entry| entry.2.is_none_or(|other| other >= after)))
                .unwrap_or(model.len());
            model.insert(at, (field.to_vec(), value.to_vec(), after));
        }
    }
}

fn apply(step: &Step, block: &mut Vec<u8>, model: &mut Model) {
    match step {
        Step::Set(field, value, expiry) => {
            let is_new = edit::set(block, &[*field], value, *expiry);
            assert_eq!(is_new, !model.iter().any(|entry| entry.0 == [*field]));
            put(model, &[*field], value, *expiry);
        }
        Step::Overwrite(field, value, expiry) => {
            if edit::overwrite(block, &[*field], value, *expiry) {
                put(model, &[*field], value, *expiry);
            }
        }
        Step::Remove(field) => {
            let before = model.len();
            model.retain(|entry| entry.0 != [*field]);
            assert_eq!(edit::remove(block, &[*field]), model.len() < before);
        }
        Step::SetExpiry(field, at) => {
            let found = model.iter().find(|entry| entry.0 == [*field]).cloned();
            assert_eq!(edit::set_expiry(block, &[*field], *at), found.is_some());
            if let Some((field, value, _)) = found {
                put(model, &field, &value, at.map_or(FieldExpiry::Clear, FieldExpiry::At));
            }
        }
        Step::RemoveExpired(now) => {
            let mut gone = Vec::new();
            edit::remove_expired(block, *now, &mut |field| gone.push(field.to_vec()));
            let is_expired = |expiry: Option<UnixMs>| expiry.is_some_and(|at| at <= *now);
            let expected: Vec<_> =
                model.iter().filter(|entry| is_expired(entry.2)).map(|entry| entry.0.clone()).collect();
            model.retain(|entry| !is_expired(entry.2));
            assert_eq!(gone, expected);
        }
    }
}

proptest! {
    #[test]
    fn a_block_behaves_like_a_list_of_entries(steps in steps()) {
        let (mut block, mut model) = (empty(), Model::new());
        for step in &steps {
            apply(step, &mut block, &mut model);
            prop_assert_eq!(&contents(&block), &model);
            let packed = Packed::trusted(&block);
            prop_assert_eq!(packed.len(), model.len());
            prop_assert_eq!(packed.next_expiry(), model.iter().filter_map(|entry| entry.2).min());
            for (index, (field, value, expiry)) in model.iter().enumerate() {
                let entry = Entry { field, value, expiry: *expiry };
                prop_assert_eq!(packed.find(field), Some(entry));
                prop_assert_eq!(packed.nth(index), Some(entry));
            }
        }
    }

    #[test]
    fn any_bytes_are_a_block_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(packed) = Packed::validate(&bytes) {
            prop_assert_eq!(packed.iter().count(), packed.len());
        }
    }
}
