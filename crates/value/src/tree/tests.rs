//! Trees against a vector and a set of the standard library, with clones kept alive in between.

use std::collections::BTreeSet;

use proptest::prelude::*;
use stdx::rng::Rng;

use super::*;
use crate::series::Form;

type Model = Vec<Vec<u8>>;

/// What must hold of every leaf: it is no longer than its form may be, and what is looked up by its bytes is a text.
fn check_leaf<O: Order>(leaf: &Node) {
    if let Node::Leaf(block) = leaf {
        let form = block.series().form();
        assert!(block.allocated_bytes() <= if form == Form::Texts { 8192 } else { 4096 });
        assert!(form == Form::Texts || !O::HAS_SEPARATORS);
    }
}

/// What must hold of every tree: counts are right, leaves within their size and not thin, elements ordered, separators true.
fn check_shape<O: Order>(tree: &Tree<O>) {
    fn depth<O: Order>(node: &Node) -> usize {
        let Node::Inner(inner) = node else { return 0 };
        assert!((1..=inner::FAN).contains(&inner.nodes.len()));
        let depths: BTreeSet<usize> = inner.nodes.iter().map(depth::<O>).collect();
        assert_eq!(depths.len(), 1, "all leaves are equally deep");
        for (child, &count) in inner.nodes.iter().zip(&inner.counts) {
            assert!(count > 0);
            assert_eq!(child.count(), count);
        }
        for child in &inner.nodes {
            check_leaf::<O>(child);
        }
        let bytes: usize = inner.nodes.iter().map(Node::data_bytes).sum();
        assert_eq!(inner.data_bytes, bytes);
        depths.into_iter().sum::<usize>() + 1
    }
    assert!(depth::<O>(&tree.root) <= 8);
    assert_eq!(tree.root.count(), tree.len());
    assert_eq!(tree.root.data_bytes(), tree.data_bytes());
    assert!(!matches!(&tree.root, Node::Inner(inner) if inner.nodes.len() < 2), "a root has a reason");
    if O::HAS_SEPARATORS {
        assert!(tree.iter().zip(tree.iter().skip(1)).all(|(one, next)| one.as_ref() < next.as_ref()));
    }
}

fn content<O: Order>(tree: &Tree<O>) -> Model {
    tree.iter().map(|element| element.as_ref().to_vec()).collect()
}

/// An integer that needs so many bits and its sign.
fn integer(bits: u32, is_negative: bool) -> Vec<u8> {
    let least = i64::MIN >> (63 - bits.min(63));
    (if is_negative { least } else { !least }).to_string().into_bytes()
}

/// Short elements, integers, some that share long beginnings, some around the threshold of large ones, a few very long.
fn element() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0_u32..3000).prop_map(|number| format!("element:{number}").into_bytes()),
        8 => (0_u32..64, any::<bool>()).prop_map(|(bits, is_negative)| integer(bits, is_negative)),
        3 => (any::<u8>(), 150_usize..500).prop_map(|(byte, length)| vec![byte; length]),
        2 => (any::<u8>(), 500_usize..515).prop_map(|(byte, length)| vec![byte; length]),
        2 => (any::<u16>(), 120_usize..600).prop_map(|(tail, length)| {
            let mut element = vec![b'x'; length];
            element.extend_from_slice(&tail.to_be_bytes());
            element
        }),
        1 => (any::<u8>(), 2000_usize..9000).prop_map(|(byte, length)| vec![byte; length]),
        1 => Just(Vec::new()),
    ]
}

#[derive(Debug, Clone)]
enum Operation {
    Push(Side, Vec<u8>),
    /// Many, so that leaves become long.
    PushRun(Side, usize, u8),
    Pop(Side),
    /// Many, so that leaves and inner nodes run empty.
    PopRun(Side, usize),
    Insert(usize, Vec<u8>),
    /// Many at one place, so that trees get several levels.
    InsertRun(usize, usize, u8),
    /// Many integers of so many bits at one place, behind one that is an integer or not.
    InsertIntegers(usize, usize, u8),
    /// The same at an end.
    PushIntegers(Side, usize, u8),
    Replace(usize, Vec<u8>),
    Remove(usize),
    RemoveRange(usize, usize),
    Clone,
    DropClones,
    Sweep,
}

fn operation() -> impl Strategy<Value = Operation> {
    let at = any::<usize>();
    let side = || prop_oneof![Just(Side::Left), Just(Side::Right)];
    prop_oneof![
        8 => (side(), element()).prop_map(|(side, element)| Operation::Push(side, element)),
        2 => (side(), 50_usize..1500, 0_u8..60)
            .prop_map(|(side, count, length)| Operation::PushRun(side, count, length)),
        4 => side().prop_map(Operation::Pop),
        1 => (side(), 0_usize..2000).prop_map(|(side, count)| Operation::PopRun(side, count)),
        8 => (at, element()).prop_map(|(at, element)| Operation::Insert(at, element)),
        1 => (at, 100_usize..2500, 0_u8..60).prop_map(|(at, count, length)| Operation::InsertRun(at, count, length)),
        2 => (at, 100_usize..2500, 0_u8..64).prop_map(|(at, count, bits)| Operation::InsertIntegers(at, count, bits)),
        4 => (side(), 50_usize..5000, 0_u8..64)
            .prop_map(|(side, count, bits)| Operation::PushIntegers(side, count, bits)),
        4 => (at, element()).prop_map(|(at, element)| Operation::Replace(at, element)),
        4 => at.prop_map(Operation::Remove),
        1 => (at, 0_usize..3000).prop_map(|(at, count)| Operation::RemoveRange(at, count)),
        1 => Just(Operation::Clone),
        1 => Just(Operation::DropClones),
        1 => Just(Operation::Sweep),
    ]
}

fn apply(tree: &mut Sequence, model: &mut Model, operation: Operation) {
    let (len, place) = (model.len(), |at: usize| at % (model.len() + 1));
    match operation {
        Operation::Push(side, element) => {
            tree.push(side, &element);
            model.insert(if side == Side::Left { 0 } else { len }, element);
        }
        Operation::PushRun(side, count, length) => (0..count).for_each(|number| {
            let element = vec![number as u8; usize::from(length)];
            tree.push(side, &element);
            model.insert(if side == Side::Left { 0 } else { model.len() }, element);
        }),
        Operation::Pop(side) => pop(tree, model, side),
        Operation::PopRun(side, count) => (0..count).for_each(|_| pop(tree, model, side)),
        Operation::Insert(at, element) => {
            let at = place(at);
            tree.insert(at, &element);
            model.insert(at, element);
        }
        Operation::InsertRun(at, count, length) => {
            let at = place(at);
            let run: Model = (0..count).map(|number| vec![number as u8; usize::from(length)]).collect();
            for (index, element) in run.iter().enumerate() {
                tree.insert(at + index, element);
            }
            model.splice(at..at, run);
        }
        Operation::InsertIntegers(at, count, bits) => {
            let at = place(at);
            for index in 0..count {
                tree.insert(at + index, &integer(u32::from(bits) + index as u32 % 4, index % 3 == 0));
            }
            let run = (0..count).map(|index| integer(u32::from(bits) + index as u32 % 4, index % 3 == 0));
            model.splice(at..at, run);
        }
        Operation::PushIntegers(side, count, bits) => (0..count).for_each(|number| {
            let element = integer(u32::from(bits) + number as u32 % 4, number % 3 == 0);
            tree.push(side, &element);
            model.insert(if side == Side::Left { 0 } else { model.len() }, element);
        }),
        Operation::Replace(at, element) if len > 0 => {
            tree.replace(at % len, &element);
            model[at % len] = element;
        }
        Operation::Remove(at) if len > 0 => {
            tree.remove_at(at % len);
            model.remove(at % len);
        }
        Operation::RemoveRange(at, count) => {
            let range = place(at)..(place(at) + count).min(len);
            tree.remove_range(range.clone());
            model.drain(range);
        }
        Operation::Sweep => {
            let mut within = 0;
            while !tree.sweep(&mut within, &mut Sweeper::new(&|_| true, 3)) {}
        }
        _ => {}
    }
}

fn pop(tree: &mut Sequence, model: &mut Model, side: Side) {
    let at_end = match side {
        Side::Left => model.first(),
        Side::Right => model.last(),
    };
    assert_eq!(tree.end(side).as_deref(), at_end.map(Vec::as_slice));
    let mut seen = None;
    tree.pop(side, &mut |element| seen = Some(element.to_vec()));
    assert_eq!(seen.as_ref(), at_end);
    if !model.is_empty() {
        model.remove(if side == Side::Left { 0 } else { model.len() - 1 });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_sequence_and_its_clones_behave_like_vectors(operations in prop::collection::vec(operation(), 0..150)) {
        let (mut tree, mut model) = (Sequence::new(), Model::new());
        let mut clones: Vec<(Sequence, Model)> = Vec::new();
        for operation in operations {
            match operation {
                Operation::Clone => clones.push((tree.clone(), model.clone())),
                Operation::DropClones => {
                    for (clone, then) in clones.drain(..) {
                        prop_assert_eq!(content(&clone), then);
                    }
                }
                other => apply(&mut tree, &mut model, other),
            }
            prop_assert_eq!(tree.len(), model.len());
            prop_assert_eq!(tree.get(model.len() / 2).map(|element| element.to_vec()), model.get(model.len() / 2).cloned());
        }
        check_shape(&tree);
        let mut seen = Model::new();
        tree.visit(model.len() / 4..usize::MAX, |element| seen.push(element.to_vec()));
        prop_assert_eq!(&seen[..], &model[model.len() / 4..]);
        prop_assert_eq!(content(&tree), model);
        for (clone, then) in clones {
            check_shape(&clone);
            prop_assert_eq!(content(&clone), then);
        }
    }

    #[test]
    fn an_ordered_tree_and_its_clones_behave_like_sets(
        elements in prop::collection::vec((element(), 0_u8..10), 0..1200)
    ) {
        let (mut tree, mut model) = (Ordered::new(), BTreeSet::new());
        let mut clones = Vec::new();
        for (index, (element, action)) in elements.into_iter().enumerate() {
            if action < 7 {
                prop_assert_eq!(tree.insert(&element), model.insert(element));
            } else if let Some(near) = model.range(element.clone()..).next().cloned().filter(|_| action < 9) {
                prop_assert!(tree.remove(&near));
                model.remove(&near);
            } else {
                prop_assert_eq!(tree.contains(&element), model.contains(&element));
                let rank = model.range(..element.clone()).count();
                prop_assert_eq!(tree.lower_bound(&element), rank);
            }
            if index % 300 == 299 {
                clones.push((tree.clone(), model.clone()));
            }
            if index % 450 == 449 {
                let range = tree.len() / 3..tree.len() / 2;
                let gone: Model = tree.range(range.clone()).map(<[u8]>::to_vec).collect();
                tree.remove_range(range);
                gone.iter().for_each(|element| assert!(model.remove(element)));
            }
        }
        clones.push((tree, model));
        for (tree, model) in clones {
            check_shape(&tree);
            prop_assert!(tree.iter().eq(model.iter()));
            for (rank, element) in model.iter().enumerate() {
                prop_assert_eq!(tree.find(element), Some(rank));
            }
        }
    }

    #[test]
    fn runs_come_to_stand_where_one_element_after_the_other_would(
        runs in prop::collection::vec((any::<u16>(), 1_usize..400, 1_usize..200, any::<bool>()), 1..30)
    ) {
        let (mut tree, mut model) = (Ordered::new(), BTreeSet::new());
        let mut clones = Vec::new();
        for (place, count, length, is_alone) in runs {
            let mut run: Model = (0..count as u16)
                .map(|number| {
                    let mut element = place.to_be_bytes().to_vec();
                    element.extend_from_slice(&number.to_be_bytes());
                    element.resize(4 + length, b'x');
                    element
                })
                .collect();
            let next = model.range(run[0].clone()..).next();
            run.retain(|element| next.is_none_or(|next| element < next) && !model.contains(element));
            if is_alone {
                run.iter().for_each(|element| assert!(tree.insert(element)));
            } else {
                let mut builder = Builder::new();
                run.iter().for_each(|element| builder.push(element));
                tree.insert_run(builder);
            }
            model.extend(run);
            clones.push((tree.clone(), model.clone()));
        }
        for (tree, model) in clones {
            check_shape(&tree);
            prop_assert!(tree.iter().eq(model.iter()));
            for (rank, element) in model.iter().enumerate() {
                prop_assert_eq!(tree.find(element), Some(rank));
            }
        }
    }

    #[test]
    fn a_walk_meets_in_the_middle_from_either_side(
        from in 0_usize..3000, to in 0_usize..3000, turns in prop::collection::vec(0_u8..6, 0..400)
    ) {
        let tree = numbered(2500);
        let mut model = (from.min(2500)..to.min(2500)).map(number);
        let mut walk = tree.range(from..to);
        for turn in turns {
            prop_assert_eq!(walk.len(), model.len());
            match turn {
                0 | 1 => prop_assert_eq!(walk.next().map(|element| element.to_vec()), model.next()),
                2 | 3 => prop_assert_eq!(walk.next_back().map(|element| element.to_vec()), model.next_back()),
                4 => prop_assert_eq!(walk.nth(3).map(|element| element.to_vec()), model.nth(3)),
                _ => prop_assert_eq!(walk.nth(150).map(|element| element.to_vec()), model.nth(150)),
            }
        }
        prop_assert!(walk.map(|element| element.to_vec()).eq(model));
    }
}

fn number(index: usize) -> Vec<u8> {
    format!("value:{index:07}").into_bytes()
}

fn numbered(count: usize) -> Sequence {
    let mut tree = Sequence::new();
    (0..count).for_each(|index| tree.push(Side::Right, &number(index)));
    tree
}

#[test]
fn loading_in_order_fills_leaves_from_both_sides() {
    let per_element = |tree: &Sequence| tree.allocated_bytes() as f64 / tree.len() as f64;
    let back = numbered(100_000);
    assert!(per_element(&back) < 15.12, "{}", per_element(&back));
    let mut front = Sequence::new();
    (0..100_000).rev().for_each(|index| front.push(Side::Left, &number(index)));
    assert!(per_element(&front) < 15.12, "{}", per_element(&front));
    let built: Sequence = back.iter().collect();
    assert!(per_element(&built) < 15.12, "{}", per_element(&built));
    for tree in [&back, &front, &built] {
        check_shape(tree);
        assert!(tree.iter().enumerate().all(|(index, element)| element == number(index)));
    }
}

#[test]
fn random_insertion_and_mass_removal_keep_leaves_well_filled() {
    let mut rng = Rng::from_seed(7);
    let mut tree = Sequence::new();
    for index in 0..100_000 {
        tree.insert(rng.below(index + 1) as usize, b"value:0000000");
    }
    let bytes = tree.allocated_bytes() as f64 / tree.len() as f64;
    assert!(bytes < 17.8, "{bytes}");
    while tree.len() > 50_000 {
        tree.remove_at(rng.below(tree.len() as u64) as usize);
    }
    let bytes = tree.allocated_bytes() as f64 / tree.len() as f64;
    assert!(bytes < 19.5, "{bytes}");
    while tree.len() > 100 {
        tree.remove_at(rng.below(tree.len() as u64) as usize);
    }
    assert!(tree.allocated_bytes() < 8_000, "{}", tree.allocated_bytes());
    check_shape(&tree);
}

#[test]
fn elements_below_the_threshold_of_large_ones_waste_little() {
    let mut rng = Rng::from_seed(8);
    for length in [100, 200, 300, 400, 500, 507, 508, 600, 2000] {
        let mut tree = Ordered::new();
        for _ in 0..3000 {
            let mut element = vec![0; length];
            element[..8].copy_from_slice(&rng.next_u64().to_be_bytes());
            tree.insert(&element);
        }
        check_shape(&tree);
        let overhead = tree.allocated_bytes() as f64 / tree.len() as f64 - length as f64;
        // A large element is rounded up to a size class and has its own place and separator in an inner node.
        let bound = length as f64 / 4.0 + if length < 507 { 10.0 } else { 75.0 };
        assert!(overhead < bound, "{overhead} for {length}");
    }
}

#[test]
fn inserting_between_large_elements_keeps_small_ones_together() {
    let mut tree = Sequence::new();
    (0..4).for_each(|_| tree.push(Side::Right, &[b'L'; 1000]));
    for _ in 0..1000 {
        tree.insert(2, b"small");
    }
    check_shape(&tree);
    assert!(tree.allocated_bytes() < 4 * 1024 + 1000 * 7 * 3 / 2 + 3000, "{}", tree.allocated_bytes());
}

#[test]
fn separators_of_long_common_beginnings_are_short_and_right() {
    let mut tree = Ordered::new();
    let element = |index: usize| [vec![b'p'; 300], number(index)].concat();
    for index in 0..5000 {
        assert!(tree.insert(&element(index * 7919 % 5000)));
    }
    check_shape(&tree);
    for index in 0..5000 {
        assert_eq!(tree.find(&element(index)), Some(index));
    }
    assert_eq!(tree.lower_bound(&[b'p'; 300]), 0);
    assert_eq!(tree.lower_bound(&[b'p'; 301]), 0);
    assert_eq!(tree.lower_bound(b"q"), 5000);
}

#[test]
fn the_first_write_after_a_clone_copies_one_path() {
    let mut tree = numbered(100_000);
    let clone = tree.clone();
    tree.replace(5000, b"other");
    let shared = |one: &Node, other: &Node| match (one, other) {
        (Node::Inner(one), Node::Inner(other)) => one
            .nodes
            .iter()
            .zip(&other.nodes)
            .filter(|pair| match pair {
                (Node::Inner(one), Node::Inner(other)) => triomphe::Arc::ptr_eq(one, other),
                _ => false,
            })
            .count(),
        _ => 0,
    };
    let Node::Inner(root) = &tree.root else { panic!("a tree of this size has inner nodes") };
    assert_eq!(shared(&tree.root, &clone.root), root.nodes.len() - 1);
    assert_eq!(clone.get(5000).as_deref(), Some(&number(5000)[..]));
    assert_eq!(tree.get(5000).as_deref(), Some(&b"other"[..]));
}

#[test]
fn a_queue_that_moves_through_a_tree_keeps_it_small() {
    let mut tree = numbered(1000);
    for index in 1000..50_000 {
        tree.push(Side::Right, &number(index));
        tree.pop(Side::Left, &mut |_| {});
    }
    check_shape(&tree);
    assert_eq!(tree.get(0).as_deref(), Some(&number(49_000)[..]));
    assert!(tree.allocated_bytes() < 1000 * 15 + 5000, "{}", tree.allocated_bytes());
    while tree.len() > 20 {
        tree.pop(Side::Right, &mut |_| {});
    }
    assert!(tree.allocated_bytes() < 2048, "{}", tree.allocated_bytes());
}

#[test]
fn the_end_of_a_stack_keeps_its_memory_wherever_the_stack_rests() {
    for side in [Side::Left, Side::Right] {
        let mut tree = Sequence::new();
        (0..2000).for_each(|index| tree.push(side, &number(index)));
        // Down through the last leaf, and some others.
        for _ in 0..1000 {
            tree.pop(side, &mut |_| {});
            let mut changes = 0;
            for _ in 0..10 {
                let before = tree.allocated_bytes();
                tree.pop(side, &mut |_| {});
                let between = tree.allocated_bytes();
                tree.push(side, &number(0));
                changes += usize::from(between.abs_diff(before) > 2048);
                changes += usize::from(between.abs_diff(tree.allocated_bytes()) > 2048);
            }
            assert!(changes <= 2, "{changes} at {}", tree.len());
        }
    }
}

#[test]
fn trimming_drops_whole_leaves_from_either_end() {
    let mut tree = numbered(10_000);
    tree.remove_range(0..4000);
    tree.remove_range(1001..usize::MAX);
    check_shape(&tree);
    assert_eq!(content(&tree), (4000..5001).map(number).collect::<Model>());
    tree.remove_range(0..tree.len());
    assert_eq!((tree.len(), tree.data_bytes()), (0, 0));
    assert!(tree.allocated_bytes() < 64);
}

#[test]
fn leaves_that_filled_from_an_end_are_long_and_those_amid_insertions_are_not() {
    fn longest(node: &Node) -> usize {
        match node {
            Node::Inner(inner) => inner.nodes.iter().map(longest).max().expect("it has children"),
            Node::Leaf(block) => block.allocated_bytes(),
            Node::Large(_) => 0,
        }
    }
    for side in [Side::Left, Side::Right] {
        let mut tree = Sequence::new();
        (0..5000).for_each(|index| tree.push(side, &number(index)));
        assert_eq!(longest(&tree.root), 8192);
        let at = tree.len() / 2;
        (0..5000).for_each(|index| tree.insert(at + index % 100, &number(index)));
        let clone = tree.clone();
        let (mut front, mut back) = (tree.clone(), tree);
        front.remove_range(at + 5000..usize::MAX);
        front.remove_range(0..at);
        assert!(longest(&front.root) <= 4096, "{}", longest(&front.root));
        // From either end, whichever way the leaves stand.
        while back.len() > 1 {
            assert_eq!(
                (back.end(Side::Left), back.end(Side::Right)),
                (back.get(0), back.get(back.len() - 1))
            );
            let side = if back.len() % 3 == 0 { Side::Left } else { Side::Right };
            back.pop(side, &mut |_| {});
        }
        assert_eq!(back.get(0), clone.get(clone.len() / 3));
        check_shape(&clone);
    }
}

#[test]
fn replacing_elements_of_a_long_leaf_by_others_of_their_length_leaves_it_whole() {
    let mut tree: Sequence = numbered(5000).iter().collect();
    let before = tree.allocated_bytes();
    (0..5000).for_each(|index| tree.replace(index, &number(5000 - index)));
    assert_eq!(tree.allocated_bytes(), before);
    assert_eq!(content(&tree), (0..5000).map(|index| number(5000 - index)).collect::<Model>());
}

/// Pushes the numbers below `count`, each as `text` writes it.
fn numbers(count: usize, text: impl Fn(usize) -> String) -> Sequence {
    let mut tree = Sequence::new();
    (0..count).for_each(|number| tree.push(Side::Right, text(number).as_bytes()));
    check_shape(&tree);
    tree
}

#[test]
fn integers_take_as_many_bytes_as_the_widest_of_their_leaf() {
    for (offset, bytes) in
        [(-50_000, 3), (0, 3), (1_700_000_000, 4), (1_700_000_000_000, 6), (i64::MAX - 100_000, 8)]
    {
        let tree = numbers(100_000, |number| (offset + number as i64).to_string());
        let built: Sequence = tree.iter().collect();
        for tree in [&tree, &built] {
            let (taken, least) = (tree.allocated_bytes(), 100_000 * bytes);
            assert!(taken < least * 103 / 100 + 8192, "{taken} for numbers from {offset} on");
            assert_eq!(
                tree.get(77_777).map(|element| element.to_vec()),
                Some((offset + 77_777).to_string().into_bytes())
            );
        }
    }
}

/// Texts come between integers, and wide integers between narrow ones: leaves are divided, but not into small ones.
#[test]
fn what_cannot_stand_as_the_others_do_divides_leaves_without_making_a_tree_larger_than_one_of_texts() {
    for odd in ["text", "9223372036854775807"] {
        for count in [20, 200, 2000, 20_000] {
            let (mut integers, mut texts) = (
                numbers(20_000, |number| format!("{}", number % 100)),
                numbers(20_000, |number| format!("{:02}x", number % 100)),
            );
            let mut rng = Rng::from_seed(7);
            for _ in 0..count {
                let at = rng.below(integers.len() as u64) as usize;
                integers.insert(at, odd.as_bytes());
                texts.insert(at, odd.as_bytes());
            }
            check_shape(&integers);
            let (taken, most) = (integers.allocated_bytes(), texts.allocated_bytes());
            assert!(taken < most, "{taken} where texts take {most}, with {count} of {odd}");
        }
    }
}

#[test]
fn a_leaf_of_integers_that_a_text_joins_becomes_one_of_texts_if_it_is_short_and_else_has_a_neighbour() {
    let leaves = |tree: &Sequence| tree.clone().into_leaves().map(|leaf| leaf.len()).collect::<Vec<_>>();
    let mut short = numbers(100, |number| number.to_string());
    short.insert(50, b"text");
    assert_eq!(leaves(&short), [101]);
    let mut long = numbers(1800, |number| (number % 10).to_string());
    let before = content(&long);
    long.insert(900, b"text");
    assert_eq!(leaves(&long), [900, 1, 900]);
    long.replace(899, b"another");
    assert_eq!(leaves(&long), [899, 2, 900], "texts come together");
    long.remove_range(899..901);
    assert_eq!(leaves(&long), [899, 900], "both are more than half full");
    long.remove_range(0..500);
    assert_eq!(leaves(&long), [1299]);
    (0..500).for_each(|number| long.insert(number, (number % 10).to_string().as_bytes()));
    long.insert(899, b"9");
    assert_eq!(content(&long), before);
}

#[test]
fn leaves_between_which_a_text_has_gone_come_together() {
    let mut tree = numbers(1500, |number| (number % 10).to_string());
    for at in [750, 740, 760] {
        tree.insert(at, b"text");
        tree.remove_at(at);
    }
    assert_eq!(tree.into_leaves().map(|leaf| leaf.len()).collect::<Vec<_>>(), [1500]);
}
