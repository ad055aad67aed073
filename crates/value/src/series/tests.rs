//! Blocks against a plain vector of elements.

use proptest::prelude::*;

use super::*;

type Model = Vec<Vec<u8>>;

/// Room for whatever the steps put in.
const ROOM: usize = 16_000;

fn block_of(elements: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut builder = Builder::new(Form::NARROWEST);
    elements.iter().for_each(|element| assert!(builder.push(element.as_ref(), |_| ROOM)));
    builder.finish(<[u8]>::to_vec)
}

fn contents(block: &[u8]) -> Model {
    Series::of(block).iter().map(|element| element.to_vec()).collect()
}

/// The least form in which some elements can stand.
fn form_of(elements: &[impl AsRef<[u8]>]) -> Form {
    elements.iter().map(|element| Item::read(element.as_ref()).form()).max().unwrap_or(Form::NARROWEST)
}

#[test]
fn small_integers_take_a_byte_each_and_no_end() {
    let block = block_of(&["1", "-1", "100"]);
    assert_eq!(block, b"\x03\x80\x01\x06\x00\x01\xff\x64");
    assert_eq!((Series::of(&block).used_bytes(), Series::of(&block).data_bytes()), (8, 6));
    assert_eq!(block_of(&["1", "300"]), b"\x02\x80\x02\x04\x00\x01\x00\x2c\x01");
    assert_eq!(block_of(&["1", "one"]), b"\x02\x001one\x04\x00\x01\x00");
}

#[test]
fn what_is_no_canonical_integer_is_a_text() {
    for text in ["", "-", "-0", "007", "+1", " 1", "1 ", "1.0", "9223372036854775808", "-9223372036854775809"]
    {
        let block = block_of(&["5", text]);
        assert_eq!(Series::of(&block).form(), Form::Texts, "{text}");
        assert_eq!(contents(&block), [b"5", text.as_bytes()]);
    }
    for text in ["0", "-1", "9223372036854775807", "-9223372036854775808"] {
        let block = block_of(&["5", text]);
        assert_ne!(Series::of(&block).form(), Form::Texts, "{text}");
        assert_eq!(contents(&block), [b"5", text.as_bytes()]);
    }
}

#[test]
fn a_form_stays_when_the_element_that_needed_it_goes_and_a_built_block_begins_anew() {
    let mut block = block_of(&["1", "2"]);
    for (wide, bytes) in [("300", 5 + 4), ("-70000", 5 + 6), ("text", 2 + 2 + 4)] {
        edit::insert(&mut block, 1, wide.as_bytes());
        edit::remove_range(&mut block, 1..2);
        assert_eq!((contents(&block), block.len()), (vec![b"1".to_vec(), b"2".to_vec()], bytes));
    }
    assert_eq!(block_of(&contents(&block)).len(), 5 + 2);
}

#[test]
fn a_builder_refuses_what_would_be_too_long_in_the_form_that_it_needs() {
    let mut builder = Builder::new(Form::NARROWEST);
    let longest = |form| if form == Form::Texts { 30 } else { 15 };
    let pushed = (0..100).take_while(|number| builder.push(number.to_string().as_bytes(), longest)).count();
    assert_eq!(pushed, 10);
    assert!(!builder.push(b"300", longest), "that makes them two bytes wide");
    assert!(!builder.push(b"text", longest), "their texts and ends are 30 bytes");
    builder.finish(|block| assert_eq!(contents(block).len(), 10));
    assert!(builder.is_empty());
    assert!(builder.push(b"300", longest) && builder.push(b"text", longest));
    builder.finish(|block| assert_eq!(contents(block), [b"300".to_vec(), b"text".to_vec()]));
    assert!(builder.is_empty());
    let mut texts = Builder::new(Form::Texts);
    assert!(texts.push(b"5", longest));
    texts.finish(|block| assert_eq!(Series::of(block).form(), Form::Texts));
}

#[test]
fn a_wide_integer_among_many_narrow_ones_makes_a_block_of_texts_and_among_few_one_of_wide_integers() {
    let block = |count: usize| block_of(&[vec!["1"; count], vec!["1700000000000"]].concat());
    assert_eq!(block(2).len(), 5 + 3 * 6);
    assert_eq!(block(9).len(), 2 + 9 * 3 + 15);
}

#[derive(Clone, Debug)]
enum Step {
    Insert(usize, Vec<u8>),
    Push(Vec<u8>),
    Pop(bool),
    Replace(usize, Vec<u8>),
    Remove(usize, usize),
    Append(usize, usize),
    Reverse,
}

/// Elements of every form; in most cases all are integers.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let integers = prop_oneof![
        8 => (-200_i64..200).prop_map(|integer| integer.to_string().into_bytes()),
        2 => (0_u32..64, any::<bool>()).prop_map(|(bits, is_negative)| {
            let integer = i64::MIN >> bits;
            (if is_negative { integer } else { !integer }).to_string().into_bytes()
        }),
    ];
    let texts =
        prop_oneof![Just(b"-0".to_vec()), Just(b"007".to_vec()), prop::collection::vec(any::<u8>(), 0..30)];
    (0_u8..3).prop_flat_map(move |kind| {
        let element = match kind {
            0 => prop_oneof![20 => integers.clone(), 1 => texts.clone()].boxed(),
            _ => integers.clone().boxed(),
        };
        let at = any::<u16>().prop_map(usize::from);
        let step = prop_oneof![
            6 => (at.clone(), element.clone()).prop_map(|(at, element)| Step::Insert(at, element)),
            6 => element.clone().prop_map(Step::Push),
            2 => any::<bool>().prop_map(Step::Pop),
            2 => (at.clone(), element).prop_map(|(at, element)| Step::Replace(at, element)),
            2 => (at.clone(), 0_usize..4).prop_map(|(at, count)| Step::Remove(at, count)),
            1 => (at.clone(), at).prop_map(|(from, to)| Step::Append(from, to)),
            1 => Just(Step::Reverse),
        ];
        prop::collection::vec(step, 0..80)
    })
}

/// Gives a block with spare bytes a form that it needs.
fn fit(roomy: &mut [u8], form: Form) {
    if form != Series::of(roomy).form() {
        let before = roomy.to_vec();
        room::copy(roomy, form, Series::of(&before), 0..Series::of(&before).len());
    }
}

/// Makes a block without spare bytes of one with many.
fn copy(exact: &mut Vec<u8>, roomy: &[u8]) {
    let series = Series::of(roomy);
    exact.clear();
    exact.resize(series.used_bytes(), 0);
    room::copy(exact, series.form(), series, 0..series.len());
}

/// Does a step to a block without spare bytes, to one with many, and to the model.
fn apply(step: &Step, exact: &mut Vec<u8>, roomy: &mut [u8], model: &mut Model) {
    let count = model.len();
    match step {
        Step::Insert(..) | Step::Push(_) => {
            let (at, element) = match step {
                Step::Insert(at, element) => (at % (count + 1), element),
                Step::Push(element) => (count, element),
                _ => unreachable!("it is one of these"),
            };
            edit::insert(exact, at, element);
            let item = Series::of(roomy).item(element);
            let (form, _) = Series::of(roomy).with(item);
            fit(roomy, form);
            if at == count {
                room::push(roomy, item);
            } else {
                room::insert(roomy, at, item);
            }
            model.insert(at, element.clone());
        }
        Step::Pop(is_first) if count > 0 => {
            let at = if *is_first { 0 } else { count - 1 };
            edit::remove_range(exact, at..at + 1);
            let length = if *is_first { room::pop_first(roomy) } else { room::pop(roomy) };
            assert_eq!(length, model.remove(at).len());
        }
        Step::Replace(at, element) if count > 0 => {
            let at = at % count;
            edit::replace(exact, at, element);
            let item = Series::of(roomy).item(element);
            let (form, _) = Series::of(roomy).with_instead(model[at].len(), item);
            fit(roomy, form);
            room::replace(roomy, at, item);
            model[at].clone_from(element);
        }
        Step::Remove(at, length) => {
            let at = at % (count + 1);
            let range = at..(at + length).min(count);
            edit::remove_range(exact, range.clone());
            room::remove(roomy, range.clone());
            model.drain(range);
        }
        Step::Append(from, to) => {
            let from = from % (count + 1);
            let range = from..(from + to % 8).min(count);
            let other = if to % 2 == 0 { exact.clone() } else { block_of(model) };
            fit(roomy, Series::of(roomy).form().max(Series::of(&other).form()));
            room::append(roomy, Series::of(&other), range.clone());
            model.extend_from_within(range);
            copy(exact, roomy);
        }
        Step::Reverse => {
            let before = roomy.to_vec();
            room::begin(roomy, Series::of(&before).form());
            room::append_reversed(roomy, Series::of(&before));
            model.reverse();
            copy(exact, roomy);
        }
        Step::Pop(_) | Step::Replace(..) => {}
    }
}

proptest! {
    #[test]
    fn a_block_behaves_like_a_vector(steps in steps()) {
        let (mut exact, mut roomy, mut model) = (EMPTY.to_vec(), vec![0; ROOM], Model::new());
        room::begin(&mut roomy, Form::NARROWEST);
        for step in &steps {
            apply(step, &mut exact, &mut roomy, &mut model);
            prop_assert_eq!(&contents(&exact), &model);
            prop_assert_eq!(&contents(&roomy), &model);
            let (series, other) = (Series::of(&exact), Series::of(&roomy));
            prop_assert_eq!(series.form(), other.form());
            prop_assert!(series.form() >= form_of(&model));
            prop_assert_eq!(series.used_bytes(), exact.len());
            prop_assert_eq!(other.used_bytes(), exact.len());
            let data_bytes: usize = model.iter().map(Vec::len).sum();
            prop_assert_eq!((series.data_bytes(), other.data_bytes()), (data_bytes, data_bytes));
            prop_assert_eq!(series.data_bytes_of(0..model.len() / 2), model[..model.len() / 2].iter().map(Vec::len).sum::<usize>());
            prop_assert!(series.iter().rev().eq(model.iter().rev()));
            prop_assert!(series.range(1..3).eq(model.iter().skip(1).take(2)));
            prop_assert_eq!(series.last().map(|element| element.to_vec()), model.last().cloned());
            prop_assert!(series.get(model.len()).is_none());
        }
        let built = block_of(&model);
        let as_texts = Form::Texts.bytes_of(model.len(), model.iter().map(Vec::len).sum());
        prop_assert!(built.len() <= as_texts + EMPTY.len() - crate::leaf::EMPTY.len());
        prop_assert_eq!(contents(&built), model);
    }
}
