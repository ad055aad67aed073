//! Blocks against a plain vector of elements, and against bytes that are no block.

use super::*;
use proptest::prelude::*;

type Model = Vec<Vec<u8>>;

fn block_of(elements: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut builder = Builder::new();
    elements.iter().for_each(|element| builder.push(element.as_ref()));
    builder.finish(<[u8]>::to_vec)
}

fn contents(block: &[u8]) -> Model {
    Leaf::validate(block).expect("an edited block is valid").iter().map(<[u8]>::to_vec).collect()
}

#[test]
fn an_element_costs_two_bytes_besides_its_own() {
    let block = block_of(&["one", "two", ""]);
    assert_eq!(block, b"\x03\x00onetwo\x06\x00\x06\x00\x03\x00");
    assert_eq!(Leaf::trusted(&block).used_bytes(), block.len());
    assert_eq!(Leaf::trusted(&block).data_bytes(), 6);
}

#[test]
fn a_search_finds_an_element_or_where_it_belongs() {
    let block = block_of(&["", "b", "ba", "d"]);
    let leaf = Leaf::trusted(&block);
    assert!(leaf.is_strictly_sorted());
    assert_eq!(leaf.search(b""), Ok(0));
    assert_eq!(leaf.search(b"ba"), Ok(2));
    assert_eq!(leaf.search(b"a"), Err(1));
    assert_eq!(leaf.search(b"c"), Err(3));
    assert_eq!(leaf.search(b"da"), Err(4));
    assert_eq!(leaf.partition_point(|element| element < b"ba".as_slice()), 2);
    assert!(!Leaf::trusted(&block_of(&["a", "a"])).is_strictly_sorted());
}

#[test]
fn bytes_that_are_no_block_are_refused() {
    let check = |bytes: &[u8], why| assert_eq!(Leaf::validate(bytes).err(), Some(why), "{bytes:?}");
    check(&[], Invalid::Length);
    check(&[0], Invalid::Length);
    check(&[1, 0], Invalid::Length);
    check(&[0xff, 0xff, 0, 0], Invalid::Length);
    check(&[1, 0, b'a', 2, 0], Invalid::Length);
    check(&[2, 0, b'a', b'b', 1, 0, 2, 0], Invalid::Order);
    check(&vec![0; MAX_BYTES + 1], Invalid::Length);
    assert_eq!(Leaf::validate(&[0, 0, 7]).map(Leaf::len), Ok(0), "spare bytes may be anything");
}

#[test]
fn room_ends_at_the_longest_block() {
    let mut block = EMPTY.to_vec();
    while has_room(&block, 100) {
        insert(&mut block, 0, &[7; 100]);
    }
    assert_eq!(Leaf::trusted(&block).len(), (MAX_BYTES - 2) / 102);
    let rest = MAX_BYTES - block.len() - ELEMENT_OVERHEAD;
    assert!(has_room(&block, rest) && !has_room(&block, rest + 1) && !has_room(&block, usize::MAX));
    insert(&mut block, 5, &vec![8; rest]);
    assert_eq!(contents(&block)[5].len(), rest);
}

#[test]
fn an_element_may_grow_to_the_longest_block_and_shrink_again() {
    let mut block = block_of(&["a", "b", "c"]);
    let long = vec![b'x'; MAX_BYTES - block.len() + 1];
    replace(&mut block, 1, &long);
    assert_eq!(block.len(), MAX_BYTES);
    assert_eq!(contents(&block), [b"a".to_vec(), long, b"c".to_vec()]);
    replace(&mut block, 1, b"");
    assert_eq!(contents(&block), [&b"a"[..], b"", b"c"]);
}

#[derive(Clone, Debug)]
enum Step {
    Insert(usize, Vec<u8>),
    Replace(usize, Vec<u8>),
    Remove(usize, usize),
    Append(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let element =
        prop_oneof![prop::collection::vec(any::<u8>(), 0..5), prop::collection::vec(any::<u8>(), 0..300)];
    let at = any::<u16>().prop_map(usize::from);
    let step = prop_oneof![
        6 => (at.clone(), element.clone()).prop_map(|(at, element)| Step::Insert(at, element)),
        2 => (at.clone(), element).prop_map(|(at, element)| Step::Replace(at, element)),
        2 => (at.clone(), 0_usize..4).prop_map(|(at, count)| Step::Remove(at, count)),
        1 => (at.clone(), at).prop_map(|(from, to)| Step::Append(from, to)),
    ];
    prop::collection::vec(step, 0..60)
}

use super::edit::{has_room, insert, remove_range, replace};

/// Does a step to a block without spare bytes, to one with many, and to the model.
fn apply(step: &Step, exact: &mut Vec<u8>, roomy: &mut [u8], model: &mut Model) {
    let count = model.len();
    match step {
        Step::Insert(at, element) => {
            let at = at % (count + 1);
            insert(exact, at, element);
            room::insert(roomy, at, element);
            model.insert(at, element.clone());
        }
        Step::Replace(at, element) if count > 0 => {
            let at = at % count;
            replace(exact, at, element);
            room::replace(roomy, at, element);
            model[at].clone_from(element);
        }
        Step::Remove(at, length) => {
            let at = at % (count + 1);
            let range = at..(at + length).min(count);
            remove_range(exact, range.clone());
            room::remove(roomy, range.clone());
            model.drain(range);
        }
        Step::Append(from, to) => {
            let other = block_of(model);
            let from = from % (count + 1);
            let to = (from + to % 8).min(count);
            room::append(roomy, Leaf::trusted(&other), from..to);
            edit::append(exact, Leaf::trusted(&other), from..to);
            model.extend_from_within(from..to);
        }
        Step::Replace(..) => {}
    }
}

proptest! {
    #[test]
    fn a_block_behaves_like_a_vector(steps in steps()) {
        let (mut exact, mut roomy, mut model) = (EMPTY.to_vec(), vec![0; MAX_BYTES], Model::new());
        for step in &steps {
            apply(step, &mut exact, &mut roomy, &mut model);
            prop_assert_eq!(&contents(&exact), &model);
            prop_assert_eq!(&contents(&roomy), &model);
            let leaf = Leaf::trusted(&exact);
            prop_assert_eq!(leaf.used_bytes(), exact.len());
            prop_assert!(leaf.iter().rev().eq(model.iter().rev()));
            prop_assert_eq!(leaf.first(), model.first().map(Vec::as_slice));
            prop_assert_eq!(leaf.last(), model.last().map(Vec::as_slice));
            prop_assert_eq!(leaf.get(model.len()), None);
        }
        prop_assert_eq!(&exact, &block_of(&model));
    }

    #[test]
    fn any_bytes_are_a_block_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(leaf) = Leaf::validate(&bytes) {
            prop_assert_eq!(leaf.iter().count(), leaf.len());
        }
    }
}
