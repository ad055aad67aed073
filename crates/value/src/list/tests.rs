//! Lists against a vector, and their encodings against what Redis says.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// A list as the owner of an entry keeps it.
struct Kept {
    list: List,
    settings: Settings,
}

impl Kept {
    fn new(size: i64) -> Self {
        Self { list: List::new(), settings: Settings::of_parameter(size) }
    }

    fn edit(&mut self, change: impl FnOnce(&mut ListEdit<'_>)) {
        let mut scratch = Vec::new();
        let mut edit = match &mut self.list {
            List::Packed(block) => ListEdit::packed(block, &mut scratch, self.settings),
            List::Large(large) => ListEdit::large(large, &mut scratch, self.settings),
        };
        change(&mut edit);
        match edit.finish() {
            Edited::InPlace => {}
            Edited::Packed => self.list = List::Packed(Arc::from(scratch)),
            Edited::Grown(list) => self.list = list,
        }
    }

    fn push(&mut self, element: &[u8]) {
        self.edit(|edit| edit.push(Side::Right, element));
    }

    fn encoding(&self) -> &'static str {
        self.list.as_ref().encoding().name()
    }
}

#[test]
fn a_count_limits_a_listpack_and_half_of_it_brings_it_back() {
    let mut kept = Kept::new(4);
    for _ in 0..4 {
        kept.push(b"a");
    }
    assert_eq!(kept.encoding(), "listpack");
    kept.push(b"a");
    assert_eq!(kept.encoding(), "quicklist");
    kept.edit(|edit| edit.remove(0..2));
    assert_eq!(kept.encoding(), "quicklist");
    kept.edit(|edit| edit.remove(0..1));
    assert_eq!(kept.encoding(), "listpack");
    assert!(matches!(kept.list, List::Packed(_)));
}

#[test]
fn bytes_limit_a_listpack_however_it_is_kept() {
    let mut kept = Kept::new(-2);
    while kept.encoding() == "listpack" {
        kept.push(&[b'x'; 98]);
    }
    assert_eq!(kept.list.as_ref().len(), 82, "8 kB hold 81 elements of 100 bytes");
    assert!(matches!(kept.list, List::Large(_)));
    kept.edit(|edit| edit.remove(0..41));
    assert_eq!(kept.encoding(), "quicklist");
    kept.edit(|edit| edit.remove(0..1));
    assert_eq!(kept.encoding(), "listpack");
    assert!(matches!(kept.list, List::Large(_)), "4 kB are too much for a page");
    kept.edit(|edit| edit.replace(0, &[b'y'; 9000]));
    assert_eq!(kept.encoding(), "quicklist");
    kept.edit(|edit| edit.replace(0, b"short"));
    assert_eq!(kept.encoding(), "listpack");
}

#[test]
fn sizes_stand_for_the_limits_of_redis() {
    let bytes = |size| Settings::of_parameter(size).max_listpack_bytes;
    assert_eq!([bytes(-1), bytes(-2), bytes(-5), bytes(-9)], [4096, 8192, 65_536, 65_536]);
    assert_eq!(bytes(i64::MIN), 65_536);
    let elements = |size| Settings::of_parameter(size).max_listpack_elements;
    assert_eq!([elements(-1), elements(0), elements(3)], [usize::MAX, 1, 3]);
}

#[test]
fn clones_are_the_same_until_one_changes() {
    for count in [1, 20, 1000, 100_000] {
        let mut kept = Kept::new(-2);
        (0..count).for_each(|_| kept.push(b"element"));
        let clone = kept.list.clone();
        assert!(clone.is_same(&kept.list));
        kept.edit(|edit| edit.replace(0, b"another"));
        assert!(!clone.is_same(&kept.list), "one of {count} differs");
    }
}

#[test]
fn what_redis_shows_of_integers_follows_from_their_texts() {
    // Where a list of such elements becomes a quicklist, and where a listpack again; its bytes of memory between that.
    let turns = |element: &dyn Fn(usize) -> String| {
        let (mut kept, mut count) = (Kept::new(-1), 0);
        while kept.encoding() == "listpack" {
            kept.push(element(count).as_bytes());
            count += 1;
        }
        assert_eq!(kept.list.as_ref().data_bytes(), 3 * count);
        let (most, bytes) = (count, kept.list.allocated_bytes());
        while kept.encoding() == "quicklist" {
            kept.edit(|edit| edit.pop(Side::Left));
            count -= 1;
        }
        ((most, count), bytes)
    };
    let (integers, bytes) = turns(&|number| (100 + number % 900).to_string());
    let (texts, bytes_of_texts) = turns(&|number| format!("{:02}x", number % 100));
    assert_eq!(integers, texts);
    assert!(bytes < bytes_of_texts / 2, "{bytes} and {bytes_of_texts}");
}

#[test]
fn a_block_of_small_integers_holds_twice_as_many_as_one_of_texts() {
    let small = |element: &[u8]| {
        let mut kept = Kept::new(-2);
        (0..PACKED_MAX)
            .take_while(|_| {
                kept.push(element);
                matches!(kept.list, List::Packed(_))
            })
            .count()
    };
    assert_eq!(small(b"x"), (PACKED_MAX - 2) / 3);
    assert_eq!(small(b"7"), PACKED_MAX - 5);
    let mut kept = Kept::new(-2);
    (0..PACKED_MAX - 5).for_each(|_| kept.push(b"7"));
    kept.push(b"text");
    assert_eq!(kept.encoding(), "listpack");
    assert_eq!(kept.list.as_ref().len(), PACKED_MAX - 4);
    assert_eq!(
        kept.list.as_ref().get(PACKED_MAX - 5).map(|element| element.to_vec()),
        Some(b"text".to_vec())
    );
    kept.edit(|edit| edit.replace(0, b"-0"));
    assert_eq!(kept.list.as_ref().get(0).map(|element| element.to_vec()), Some(b"-0".to_vec()));
}

#[derive(Clone, Debug)]
enum Step {
    Push(Side, Vec<u8>),
    Pop(Side),
    Insert(usize, Vec<u8>),
    Replace(usize, Vec<u8>),
    Remove(usize, usize),
    RemoveEach(usize),
}

/// Steps with texts, with integers, or with integers and a few texts.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let text = prop_oneof![
        6 => prop::collection::vec(any::<u8>(), 0..40),
        1 => prop::collection::vec(any::<u8>(), 400..700),
    ];
    let integer =
        (any::<i64>(), 0_u32..64).prop_map(|(integer, bits)| (integer >> bits).to_string().into_bytes());
    let mixed = prop_oneof![20 => integer.clone(), 1 => text.clone()];
    prop_oneof![steps_with(text), steps_with(integer), steps_with(mixed)]
}

fn steps_with(element: impl Strategy<Value = Vec<u8>> + Clone) -> impl Strategy<Value = Vec<Step>> {
    let at = any::<u16>().prop_map(usize::from);
    let side = prop_oneof![Just(Side::Left), Just(Side::Right)];
    let step = prop_oneof![
        4 => (side.clone(), element.clone()).prop_map(|(side, element)| Step::Push(side, element)),
        2 => side.prop_map(Step::Pop),
        2 => (at.clone(), element.clone()).prop_map(|(at, element)| Step::Insert(at, element)),
        2 => (at.clone(), element).prop_map(|(at, element)| Step::Replace(at, element)),
        1 => (1_usize..40).prop_map(Step::RemoveEach),
        2 => (at, 0_usize..12).prop_map(|(at, count)| Step::Remove(at, count)),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn a_list_behaves_like_a_vector(size in -2_i64..20, steps in steps()) {
        let (mut kept, mut model) = (Kept::new(size), VecDeque::new());
        for step in steps {
            let len = model.len();
            match step {
                Step::Push(side, element) => {
                    kept.edit(|edit| edit.push(side, &element));
                    if side == Side::Left { model.push_front(element) } else { model.push_back(element) }
                }
                Step::Pop(side) => {
                    let expected = if side == Side::Left { model.pop_front() } else { model.pop_back() };
                    prop_assert_eq!(kept.list.as_ref().end(side).map(|element| element.to_vec()), expected);
                    kept.edit(|edit| edit.pop(side));
                }
                Step::Insert(at, element) => {
                    kept.edit(|edit| edit.insert(at % (len + 1), &element));
                    model.insert(at % (len + 1), element);
                }
                Step::Replace(at, element) if len > 0 => {
                    kept.edit(|edit| edit.replace(at % len, &element));
                    model[at % len] = element;
                }
                Step::Remove(at, count) => {
                    let range = at % (len + 1)..(at % (len + 1) + count).min(len);
                    kept.edit(|edit| edit.remove(range.clone()));
                    model.drain(range);
                }
                Step::RemoveEach(step) => {
                    let positions: Vec<usize> = (0..len).step_by(step).collect();
                    kept.edit(|edit| edit.remove_each(&positions));
                    positions.iter().rev().for_each(|&at| drop(model.remove(at)));
                }
                Step::Replace(..) => {}
            }
            let list = kept.list.as_ref();
            prop_assert!(list.iter().eq(model.iter()));
            let mut seen = Vec::new();
            list.visit(len / 3..len, |element| seen.push(element.to_vec()));
            prop_assert!(seen.iter().eq(model.iter().take(len).skip(len / 3)));
            prop_assert_eq!(list.data_bytes(), model.iter().map(Vec::len).sum::<usize>());
            prop_assert!(list.len() <= 20 || size < 0 || list.encoding() == Encoding::Quicklist);
        }
        let mut builder = Builder::new();
        model.iter().for_each(|element| builder.push(element));
        let built = builder.finish(kept.settings);
        prop_assert!(built.as_ref().iter().eq(model.iter()));
    }
}
