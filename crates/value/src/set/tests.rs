//! Sets against a set of the standard library, their encodings against what Redis says, and random choices against chance.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use stdx::rng::Rng;

use super::algebra::{Operation, Walk, combine, walk};
use super::*;

const SETTINGS: Settings =
    Settings { max_integers: 16, max_packed_entries: 8, max_packed_value: 64, seed: HashKey([1, 2]) };
/// Thresholds beyond the longest block.
const WIDE: Settings =
    Settings { max_integers: 1 << 20, max_packed_entries: 1 << 20, max_packed_value: 1 << 20, ..SETTINGS };

type Model = BTreeSet<Vec<u8>>;

fn edit<R>(set: &mut Set, settings: Settings, change: impl FnOnce(&mut SetEdit<'_>) -> R) -> R {
    set.edit(&mut Vec::new(), settings, change)
}

fn set_of<M: AsRef<[u8]>>(settings: Settings, members: impl IntoIterator<Item = M>) -> Set {
    let mut set = Set::new();
    edit(&mut set, settings, |edit| {
        for member in members {
            edit.add(member.as_ref());
        }
    });
    set
}

fn integers(settings: Settings, count: usize) -> Set {
    set_of(settings, (0..count).map(|integer| integer.to_string()))
}

fn texts(settings: Settings, count: usize) -> Set {
    set_of(settings, (0..count).map(|number| format!("member:{number}")))
}

fn contents(set: &Set) -> Model {
    let members: Vec<Vec<u8>> = set.as_ref().iter().map(|member| member.to_vec()).collect();
    assert_eq!(members.len(), set.len());
    let distinct: Model = members.iter().cloned().collect();
    assert_eq!(distinct.len(), members.len());
    distinct
}

fn encoding(set: &Set) -> &'static str {
    set.as_ref().encoding().name()
}

#[test]
fn thresholds_decide_what_a_set_is_called() {
    assert_eq!(encoding(&Set::new()), "intset");
    assert_eq!(encoding(&integers(SETTINGS, 16)), "intset");
    assert_eq!(encoding(&integers(SETTINGS, 17)), "hashtable");
    assert_eq!(encoding(&texts(SETTINGS, 8)), "listpack");
    assert_eq!(encoding(&texts(SETTINGS, 9)), "hashtable");
    assert_eq!(encoding(&set_of(SETTINGS, [[b'x'; 64]])), "listpack");
    assert_eq!(encoding(&set_of(SETTINGS, [[b'x'; 65]])), "hashtable");
    for (count, expected) in [(7, "listpack"), (8, "hashtable")] {
        let mut set = integers(SETTINGS, count);
        edit(&mut set, SETTINGS, |edit| edit.add(b"text"));
        assert_eq!(encoding(&set), expected, "a text joins {count} integers");
        assert_eq!(set.len(), count + 1);
    }
    let mut long = set_of(SETTINGS, ["123456"]);
    edit(&mut long, Settings { max_packed_value: 5, ..SETTINGS }, |edit| edit.add(b"text"));
    assert_eq!(encoding(&long), "hashtable", "the integer is too long for a listpack");
}

#[test]
fn a_set_never_goes_back() {
    let mut set = set_of(SETTINGS, ["1", "2", "text"]);
    edit(&mut set, SETTINGS, |edit| edit.remove(b"text"));
    assert_eq!(encoding(&set), "listpack");
    let mut set = texts(SETTINGS, 9);
    edit(&mut set, SETTINGS, |edit| {
        (1..9).for_each(|number| assert!(edit.remove(format!("member:{number}").as_bytes())));
    });
    assert_eq!((encoding(&set), set.len()), ("hashtable", 1));
}

#[test]
fn members_that_are_announced_decide_too() {
    let expect = |set: &Set, first: &str, count| {
        let mut set = set.clone();
        edit(&mut set, SETTINGS, |edit| edit.expect(first.as_bytes(), count));
        (encoding(&set), set.len())
    };
    assert_eq!(expect(&Set::new(), "1", 16), ("intset", 0));
    assert_eq!(expect(&Set::new(), "1", 17), ("hashtable", 0));
    assert_eq!(expect(&Set::new(), "a", 8), ("listpack", 0));
    assert_eq!(expect(&Set::new(), "a", 9), ("hashtable", 0));
    assert_eq!(expect(&integers(SETTINGS, 2), "a", 16), ("intset", 2));
    assert_eq!(expect(&integers(SETTINGS, 2), "a", 17), ("hashtable", 2));
    assert_eq!(expect(&texts(SETTINGS, 2), "1", 8), ("listpack", 2));
    assert_eq!(expect(&texts(SETTINGS, 2), "1", 9), ("hashtable", 2));
}

#[test]
fn a_block_is_short_whatever_the_thresholds_say() {
    for (set, name) in [(integers(WIDE, 30_000), "intset"), (texts(WIDE, 5000), "listpack")] {
        assert!(matches!(set, Set::Large(_)));
        assert_eq!(encoding(&set), name);
    }
    let mut set = integers(WIDE, 3000);
    edit(&mut set, WIDE, |edit| edit.add(b"text"));
    assert_eq!((encoding(&set), set.len()), ("listpack", 3001));
    assert!(matches!(set, Set::Large(_)), "as texts they are too long");
}

#[test]
fn integers_that_are_not_canonical_are_texts() {
    let set = set_of(SETTINGS, ["1", "01", "+1", "-0", "1 "]);
    assert_eq!((encoding(&set), set.len()), ("listpack", 5));
    assert!(!integers(SETTINGS, 2).as_ref().contains(b"01"));
}

#[test]
fn members_of_any_length_are_kept() {
    for length in [0, 250, 251, 70_000] {
        let member = vec![b'x'; length];
        let set = set_of(SETTINGS, [member.clone()]);
        assert!(set.as_ref().contains(&member));
        assert_eq!(contents(&set), Model::from([member]));
    }
}

/// Sets of every form.
fn forms() -> [Set; 4] {
    [integers(SETTINGS, 12), texts(SETTINGS, 6), texts(SETTINGS, 50), integers(SETTINGS, 3000)]
}

#[test]
fn every_member_is_chosen_about_as_often() {
    let mut sets = forms().to_vec();
    let mut emptied = texts(SETTINGS, 20_000);
    edit(&mut emptied, SETTINGS, |edit| {
        (100..20_000).for_each(|number| assert!(edit.remove(format!("member:{number}").as_bytes())));
    });
    sets.push(emptied);
    let mut rng = Rng::from_seed(7);
    for set in sets {
        let mut chosen: BTreeMap<Vec<u8>, i32> = BTreeMap::new();
        for member in set.as_ref().random_repeated(set.len() * 1000, &mut rng) {
            *chosen.entry(member.to_vec()).or_default() += 1;
        }
        assert_eq!(chosen.len(), set.len());
        assert!(chosen.values().all(|times| (800..1200).contains(times)), "{:?}", chosen.values());
    }
    assert_eq!(Set::new().as_ref().random(&mut rng), None);
}

#[test]
fn distinct_choices_are_distinct_and_every_member_is_among_them_as_often() {
    let mut rng = Rng::from_seed(7);
    for set in forms() {
        let len = set.len();
        for count in [0, 1, len / 4, len / 2, len - 1, len, len + 1, usize::MAX] {
            let chosen = set.as_ref().random_distinct(count, &mut rng);
            let distinct: Model = chosen.iter().map(|member| member.to_vec()).collect();
            assert_eq!(distinct.len(), chosen.len());
            assert_eq!(chosen.len(), count.min(len));
        }
    }
    for (set, count) in [(integers(SETTINGS, 10), 3), (texts(SETTINGS, 40), 5), (texts(SETTINGS, 40), 30)] {
        let mut times: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        let rounds = 1000 * set.len() / count;
        for _ in 0..rounds {
            for member in set.as_ref().random_distinct(count, &mut rng) {
                *times.entry(member.to_vec()).or_default() += 1;
            }
        }
        assert_eq!(times.len(), set.len());
        assert!(times.values().all(|times| (850..1150).contains(times)), "{times:?}");
    }
}

fn combined(operation: Operation, sets: &[Set], settings: Settings) -> Model {
    let result = combine(operation, sets, settings);
    let mut walked = Vec::new();
    walk(operation, sets, settings, &mut |member| walked.push(member.to_vec()));
    let found = contents(&result);
    assert_eq!(walked.len(), found.len(), "none is shown twice");
    assert_eq!(walked.into_iter().collect::<Model>(), found, "both ways lead to the same");
    let anew = set_of(settings, &found);
    assert_eq!(encoding(&result), encoding(&anew), "the past of the operands does not count");
    found
}

#[test]
fn operations_on_no_set_and_on_one() {
    for operation in [Operation::Union, Operation::Intersection, Operation::Difference] {
        assert!(combined(operation, &[], SETTINGS).is_empty());
        let one = texts(SETTINGS, 300);
        assert_eq!(combined(operation, std::slice::from_ref(&one), SETTINGS), contents(&one));
    }
}

#[test]
fn a_walk_goes_in_bounded_steps() {
    let sets = [texts(SETTINGS, 5000), texts(SETTINGS, 4000), integers(SETTINGS, 3000)];
    for operation in [Operation::Union, Operation::Intersection, Operation::Difference] {
        for operands in [&sets[..1], &sets[..2], &[&sets[..], &sets[..]].concat()] {
            let mut walk = Walk::new(operation, operands.to_vec(), SETTINGS);
            let (mut shown, mut is_going_on) = (0, true);
            while is_going_on {
                let before = shown;
                is_going_on = walk.step(64, &mut |_| shown += 1);
                assert!(shown - before < 400, "a step ends behind a page");
            }
            assert_eq!(shown, combine(operation, operands, SETTINGS).len());
            assert!(!walk.step(64, &mut |_| panic!("it has ended")));
        }
    }
}

#[test]
fn what_shrank_is_encoded_as_what_is_left() {
    let large = texts(SETTINGS, 300);
    let most = set_of(SETTINGS, (0..297).map(|number| format!("member:{number}")));
    assert_eq!(
        encoding(&combine(Operation::Difference, &[large.clone(), most.clone()], SETTINGS)),
        "listpack"
    );
    let mut past = large.clone();
    edit(&mut past, SETTINGS, |edit| {
        most.as_ref().iter().for_each(|member| assert!(edit.remove(&member)));
        edit.add(b"1");
    });
    assert_eq!(encoding(&past), "hashtable");
    assert_eq!(encoding(&combine(Operation::Union, &[past], SETTINGS)), "listpack");
}

#[test]
fn clones_are_the_same_until_one_changes() {
    for set in forms() {
        let mut clone = set.clone();
        assert!(clone.is_same(&set));
        edit(&mut clone, SETTINGS, |edit| edit.add(b"other"));
        assert!(!clone.is_same(&set));
        assert!(!set.is_same(&texts(SETTINGS, 7)));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<u8>),
    Remove(Vec<u8>),
    Clone,
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (-20_i64..20).prop_map(|integer| integer.to_string().into_bytes()),
        1 => any::<i64>().prop_map(|integer| integer.to_string().into_bytes()),
        2 => (0_u8..20).prop_map(|byte| vec![b'm', byte]),
        1 => (60_usize..70).prop_map(|length| vec![b'x'; length]),
        1 => (240_usize..260).prop_map(|length| vec![b'y'; length]),
    ]
}

fn steps(text_too: bool) -> impl Strategy<Value = Vec<Step>> {
    let is_integer = |member: &Vec<u8>| member.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-');
    let member = member().prop_filter("integers only", move |member| text_too || is_integer(member)).boxed();
    let step = prop_oneof![
        5 => member.clone().prop_map(Step::Add),
        2 => member.prop_map(Step::Remove),
        1 => Just(Step::Clone),
    ];
    prop::collection::vec(step, 0..80)
}

fn check_steps(steps: &[Step], settings: Settings) -> Set {
    let (mut set, mut model) = (Set::new(), Model::new());
    let mut clones: Vec<(Set, Model)> = Vec::new();
    for step in steps {
        match step {
            Step::Add(member) => {
                let is_new = edit(&mut set, settings, |edit| edit.add(member));
                assert_eq!(is_new, model.insert(member.clone()));
            }
            Step::Remove(member) => {
                let was_there = edit(&mut set, settings, |edit| edit.remove(member));
                assert_eq!(was_there, model.remove(member));
            }
            Step::Clone => clones.push((set.clone(), model.clone())),
        }
        assert_eq!(contents(&set), model);
        assert_eq!(contents(&set.as_ref().to_owned()), model);
        assert!(model.iter().all(|member| set.as_ref().contains(member)));
        assert_eq!(set.as_ref().data_bytes(), model.iter().map(Vec::len).sum::<usize>());
        let (mut seen, mut cursor) = (Model::new(), 0);
        loop {
            cursor = set.as_ref().scan(cursor, 3, &mut |member| {
                seen.insert(member.to_vec());
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(seen, model);
    }
    for (clone, then) in &clones {
        assert_eq!(contents(clone), *then);
    }
    set
}

proptest! {
    #[test]
    fn a_set_behaves_like_one_and_its_clones_do_not_change(steps in steps(true), wide: bool) {
        check_steps(&steps, if wide { WIDE } else { SETTINGS });
    }

    #[test]
    fn integers_are_kept_in_order(steps in steps(false)) {
        let set = check_steps(&steps, WIDE);
        prop_assert_eq!(encoding(&set), "intset");
        let members: Vec<i64> = set
            .as_ref()
            .iter()
            .map(|member| stdx::number::parse_i64(&member).expect("an integer"))
            .collect();
        prop_assert!(members.is_sorted());
    }

    #[test]
    fn operations_are_those_of_sets(
        operands in prop::collection::vec(prop::collection::btree_set(member(), 0..40), 1..7),
    ) {
        let sets: Vec<Set> = operands.iter().map(|members| set_of(SETTINGS, members)).collect();
        let fold = |operation: fn(&Model, &Model) -> Model| {
            operands[1..].iter().fold(operands[0].clone(), |result, other| operation(&result, other))
        };
        prop_assert_eq!(combined(Operation::Union, &sets, SETTINGS), fold(|one, other| one | other));
        prop_assert_eq!(combined(Operation::Intersection, &sets, SETTINGS), fold(|one, other| one & other));
        prop_assert_eq!(combined(Operation::Difference, &sets, SETTINGS), fold(|one, other| one - other));
    }
}
