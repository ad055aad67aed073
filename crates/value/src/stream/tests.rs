//! Streams against a map of the standard library, with clones kept alive in between.

use std::collections::BTreeMap;

use proptest::prelude::*;
use stdx::rng::Rng;

use super::*;

type Fields = Vec<Vec<u8>>;
type Model = BTreeMap<Id, Fields>;

fn fields_of(entry: Entry<'_>) -> Fields {
    entry.fields().flat_map(|(name, value)| [name.to_vec(), value.to_vec()]).collect()
}

fn slices(fields: &Fields) -> Vec<&[u8]> {
    fields.iter().map(Vec::as_slice).collect()
}

fn content(stream: &Stream) -> Model {
    stream.iter().map(|entry| (entry.id(), fields_of(entry))).collect()
}

fn check(stream: &Stream, model: &Model) {
    assert_eq!(content(stream), *model);
    assert_eq!(stream.len(), model.len() as u64);
    let first = model.keys().next().copied().unwrap_or_default();
    assert_eq!(stream.facts().first_id, first);
    assert!(stream.range_back(Id::MIN, Id::MAX).map(|entry| entry.id()).eq(model.keys().rev().copied()));
    assert_eq!(stream.nodes().map(|node| node.len() as u64).sum::<u64>(), stream.len());
}

#[derive(Debug, Clone)]
enum Operation {
    /// Milliseconds further, number further, fields.
    Append(u64, u64, Fields),
    AppendRun(usize),
    Delete(usize),
    DeleteEach(usize, usize),
    Trim(usize),
    TrimNodes(usize, u64),
    TrimBefore(usize),
    Range(usize, usize),
    Clone,
}

fn fields() -> impl Strategy<Value = Fields> {
    let value = prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..20),
        1 => (0_usize..5000).prop_map(|length| vec![b'v'; length]),
    ];
    let name = prop_oneof![
        20 => (0_u8..3).prop_map(|byte| vec![b'a' + byte]),
        3 => (0_u16..300).prop_map(|number| number.to_string().into_bytes()),
        1 => (900_usize..1200).prop_map(|length| vec![b'n'; length]),
    ];
    prop::collection::vec((name, value), 1..4)
        .prop_map(|pairs| pairs.into_iter().flat_map(|(name, value)| [name, value]).collect())
}

fn operation() -> impl Strategy<Value = Operation> {
    let at = any::<u16>().prop_map(usize::from);
    let step = || prop_oneof![4 => 0_u64..3, 1 => 0_u64..1000, 1 => Just(1 << 40)];
    prop_oneof![
        12 => (step(), step(), fields()).prop_map(|(ms, seq, fields)| Operation::Append(ms, seq, fields)),
        2 => (1_usize..400).prop_map(Operation::AppendRun),
        4 => at.clone().prop_map(Operation::Delete),
        1 => (at.clone(), 2_usize..5).prop_map(|(at, step)| Operation::DeleteEach(at, step)),
        1 => at.clone().prop_map(Operation::Trim),
        1 => (at.clone(), prop_oneof![Just(0), 1_u64..300]).prop_map(|(at, limit)| Operation::TrimNodes(at, limit)),
        1 => at.clone().prop_map(Operation::TrimBefore),
        4 => (at.clone(), at).prop_map(|(one, other)| Operation::Range(one, other)),
        1 => Just(Operation::Clone),
    ]
}

fn nth(model: &Model, at: usize) -> Option<Id> {
    model.keys().nth(at.checked_rem(model.len())?).copied()
}

/// The ID that is so much further than the last one.
fn further(last: Id, ms: u64, seq: u64) -> Id {
    if ms == 0 { Id::new(last.ms, last.seq + 1 + seq) } else { Id::new(last.ms.saturating_add(ms), seq) }
}

fn run(operation: Operation, stream: &mut Stream, model: &mut Model, settings: Settings) {
    let last = stream.facts().last_id;
    match operation {
        Operation::Append(ms, seq, fields) => {
            let id = further(last, ms, seq);
            stream.append(id, &slices(&fields), settings);
            model.insert(id, fields);
        }
        Operation::AppendRun(count) => {
            for number in 0..count as u64 {
                let id = Id::new(last.ms + 1, number);
                let fields: Fields = [&b"name"[..], b"value"].map(<[u8]>::to_vec).into();
                stream.append(id, &slices(&fields), settings);
                model.insert(id, fields);
            }
        }
        Operation::Delete(at) => {
            if let Some(id) = nth(model, at) {
                assert!(stream.delete(id));
                assert!(!stream.delete(id));
                assert!(stream.facts().max_deleted_id >= id);
                model.remove(&id);
            }
        }
        Operation::DeleteEach(at, step) => {
            let ids: Vec<Id> =
                model.keys().skip(at % (model.len() + 1)).step_by(step).take(100).copied().collect();
            for id in ids {
                assert!(stream.remove(id));
                model.remove(&id);
            }
        }
        Operation::Trim(at) => {
            let length = at % (model.len() + 2);
            let removed = stream.trim(Trim::Length(length as u64), Reach::Exact);
            assert_eq!(removed, model.len().saturating_sub(length) as u64);
            (0..removed).for_each(|_| drop(model.pop_first()));
        }
        Operation::TrimNodes(at, limit) => {
            let length = (at % (model.len() + 2)) as u64;
            let removed = stream.trim(Trim::Length(length), Reach::Nodes { limit });
            assert!(removed <= (model.len() as u64).saturating_sub(length));
            assert!(limit == 0 || removed <= limit);
            (0..removed).for_each(|_| drop(model.pop_first()));
        }
        Operation::TrimBefore(at) => {
            if let Some(id) = nth(model, at) {
                let id = if at % 2 == 0 { id } else { id.next().expect("not the last") };
                let kept = model.split_off(&id);
                assert_eq!(stream.trim(Trim::Before(id), Reach::Exact), model.len() as u64);
                *model = kept;
            }
        }
        Operation::Range(one, other) => {
            if let (Some(one), Some(other)) = (nth(model, one), nth(model, other)) {
                let (first, end) = (one.min(other), one.max(other));
                let expected: Vec<Id> = model.range(first..=end).map(|(id, _)| *id).collect();
                assert!(stream.range(first, end).map(|entry| entry.id()).eq(expected.iter().copied()));
                assert!(
                    stream.range_back(first, end).map(|entry| entry.id()).eq(expected.iter().rev().copied())
                );
                assert!(stream.range(end, first).count() <= usize::from(first == end));
                let between = first.next().expect("not the last");
                assert_eq!(stream.get(between).map(fields_of), model.get(&between).cloned());
            }
        }
        Operation::Clone => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn streams_behave_like_maps(
        operations in prop::collection::vec(operation(), 1..120),
        max_bytes in prop_oneof![Just(0_usize), Just(4096), 50_usize..3000],
        max_entries in prop_oneof![Just(0_usize), Just(100), 1_usize..20],
    ) {
        let settings = Settings::of_parameters(max_bytes, max_entries);
        let (mut stream, mut model) = (Stream::new(), Model::new());
        let mut clones = Vec::new();
        for operation in operations {
            if matches!(operation, Operation::Clone) {
                clones.push((stream.clone(), model.clone()));
            }
            run(operation, &mut stream, &mut model, settings);
            check(&stream, &model);
        }
        for (stream, model) in &clones {
            check(stream, model);
        }
    }
}

const SETTINGS: Settings = Settings::of_parameters(4096, 100);

#[test]
fn a_small_entry_takes_few_bytes() {
    let mut stream = Stream::new();
    let count = 100_000;
    for number in 0..count {
        let value = (number % 10).to_string();
        let fields = [&b"field"[..], value.as_bytes(), b"other", value.as_bytes()];
        stream.append(Id::new(1_700_000_000_000 + number, 0), &fields, SETTINGS);
    }
    let bytes = stream.allocated_bytes() as f64 / count as f64;
    assert!(bytes < 8.0, "{bytes} bytes an entry");
}

#[test]
fn names_beyond_the_limit_of_sets_travel_with_their_entries() {
    let mut stream = Stream::new();
    let names: Vec<String> = (0..200).map(|number| format!("name{number}")).collect();
    for (number, name) in names.iter().enumerate() {
        stream.append(Id::new(number as u64 + 1, 0), &[name.as_bytes(), b"v"], SETTINGS);
    }
    let seen =
        stream.iter().flat_map(|entry| entry.fields().map(|(name, _)| name.to_vec()).collect::<Vec<_>>());
    assert!(seen.eq(names.iter().map(|name| name.clone().into_bytes())));
}

#[test]
fn trimming_by_nodes_leaves_what_is_not_a_whole_one() {
    let mut stream = Stream::new();
    for number in 1..=1000 {
        stream.append(Id::new(number, 0), &[b"f", b"v"], SETTINGS);
    }
    assert_eq!(stream.node_count(), 10);
    let mut nodes = |trim, limit| stream.trim(trim, Reach::Nodes { limit });
    assert_eq!(nodes(Trim::Length(850), 0), 100);
    assert_eq!(nodes(Trim::Length(0), 250), 200);
    assert_eq!(nodes(Trim::Before(Id::new(400, 0)), 0), 0);
    assert_eq!(nodes(Trim::Before(Id::new(401, 0)), 0), 100);
    assert_eq!(nodes(Trim::Before(Id::MAX), 0), 600);
    assert!(stream.is_empty());
    assert_eq!(stream.facts().last_id, Id::new(1000, 0));
}

#[test]
fn pending_entries_change_owners_and_go_with_their_consumer() {
    let mut group = Group::new(Id::MIN, None);
    let anna = group.add_consumer(b"anna", 5, -1).expect("new");
    let bert = group.add_consumer(b"b", 5, -1).expect("new");
    assert_eq!(group.add_consumer(b"b", 9, 9), None);
    let pending =
        |id, consumer, deliveries| Pending { id: Id::new(id, 0), consumer, delivered_ms: 7, deliveries };
    for id in 0..1000 {
        group.pending.set(pending(id, if id % 3 == 0 { anna } else { bert }, 1));
    }
    assert_eq!([group.pending.len_of(anna), group.pending.len_of(bert)], [334, 666]);
    let before = group.clone();
    group.pending.set(pending(3, bert, 1 << 40));
    assert_eq!(group.pending.get(Id::new(3, 0)), Some(pending(3, bert, 1 << 40)));
    assert_eq!([group.pending.len_of(anna), group.pending.len_of(bert)], [333, 667]);
    assert_eq!(group.pending.ids_of(anna, Id::new(1, 0)).next(), Some(Id::new(6, 0)));
    assert_eq!(group.remove_consumer(b"anna"), Some(333));
    assert_eq!(group.remove_consumer(b"anna"), None);
    assert_eq!(group.pending.len(), 667);
    assert!(group.pending.from(Id::MIN).all(|pending| pending.consumer == bert));
    assert_eq!(group.pending.remove(Id::new(3, 0)), Some(pending(3, bert, 1 << 40)));
    assert_eq!(before.pending.len_of(anna), 334);
    assert_eq!(before.pending.get(Id::new(3, 0)), Some(pending(3, anna, 1)));
}

#[test]
fn what_is_delivered_together_stands_as_if_it_came_one_by_one() {
    let mut rng = Rng::from_seed(7);
    let mut group = Group::new(Id::MIN, None);
    let consumers = [&b"a"[..], b"b", b"c"].map(|name| group.add_consumer(name, 5, -1).expect("new"));
    let mut model = group.clone();
    for round in 0..60 {
        // Sometimes of what was delivered before, as after XGROUP SETID.
        let first = rng.below(if round % 5 == 0 { 1 } else { round + 1 }) * 700;
        let ids: Vec<Id> = (first..first + 1 + rng.below(900)).map(|ms| Id::new(ms, 3)).collect();
        let consumer = consumers[rng.below(3) as usize];
        group.pending.deliver(&ids, consumer, round as i64);
        for &id in &ids {
            model.pending.set(Pending { id, consumer, delivered_ms: round as i64, deliveries: 1 });
        }
        if round == 30 {
            group.pending.order_by_time();
            model.pending.order_by_time();
        }
        assert!(group.pending.from(Id::MIN).eq(model.pending.from(Id::MIN)));
        for consumer in consumers {
            assert!(group.pending.ids_of(consumer, Id::MIN).eq(model.pending.ids_of(consumer, Id::MIN)));
        }
        assert!(group.pending.delivered_until(40).eq(model.pending.delivered_until(40)));
        ids.iter().step_by(3).for_each(|&id| assert_eq!(group.pending.remove(id), model.pending.remove(id)));
    }
}

#[test]
fn consumers_are_shown_by_name_and_keep_their_times() {
    let mut group = Group::new(Id::MIN, None);
    let names: [&[u8]; 5] = [b"zoe", b"a", b"", b"aa", b"\xff"];
    for name in names {
        group.add_consumer(name, 1, -1).expect("new");
    }
    group.note(b"a", 8, None);
    group.note(b"aa", 9, Some(9));
    let shown: Vec<(&[u8], i64, i64)> =
        group.consumers().iter().map(|one| (one.name, one.seen_ms, one.active_ms)).collect();
    assert_eq!(shown, [(&b""[..], 1, -1), (b"a", 8, -1), (b"aa", 9, 9), (b"zoe", 1, -1), (b"\xff", 1, -1)]);
    let all = group.names();
    assert!(group.consumers().iter().all(|one| all.get(one.number) == one.name));
    assert_eq!(all.get(ConsumerNumber::NOBODY), b"");
}

/// A stream of the IDs 1 to 10, of which one group has read five and acknowledged three, and another everything.
fn referenced() -> Stream {
    let mut stream = Stream::new();
    (1..=10).for_each(|number| stream.append(Id::new(number, 0), &[b"f", b"v"], SETTINGS));
    let mut slow = Group::new(Id::new(5, 0), None);
    let consumer = slow.add_consumer(b"c", 0, 0).expect("new");
    for number in [2, 4] {
        let id = Id::new(number, 0);
        slow.pending.set(Pending { id, consumer, delivered_ms: 0, deliveries: 1 });
    }
    assert!(stream.add_group(b"slow", slow));
    assert!(stream.add_group(b"fast", Group::new(Id::MAX, None)));
    stream
}

fn ids(stream: &Stream) -> Vec<u64> {
    stream.iter().map(|entry| entry.id().ms).collect()
}

#[test]
fn trimming_minds_references_as_it_is_told() {
    let trim = |trim, references| {
        let mut stream = referenced();
        let removed = stream.trim_with(trim, Reach::Exact, references);
        assert_eq!(removed, 10 - stream.len());
        (ids(&stream), stream.group(b"slow").expect("there").pending.len())
    };
    assert_eq!(trim(Trim::Length(7), References::Keep), (vec![4, 5, 6, 7, 8, 9, 10], 2));
    assert_eq!(trim(Trim::Length(7), References::Remove), (vec![4, 5, 6, 7, 8, 9, 10], 1));
    assert_eq!(trim(Trim::Length(8), References::Respect), (vec![2, 4, 5, 6, 7, 8, 9, 10], 2));
    assert_eq!(trim(Trim::Length(0), References::Respect), (vec![2, 4, 6, 7, 8, 9, 10], 2));
    assert_eq!(trim(Trim::Before(Id::new(5, 0)), References::Respect), (vec![2, 4, 5, 6, 7, 8, 9, 10], 2));
    assert_eq!(trim(Trim::Before(Id::MIN), References::Respect).0.len(), 10);
    assert_eq!(referenced().pending_in(Id::new(4, 0)).collect::<Vec<_>>(), [b"slow"]);
}

#[test]
fn what_a_group_lags_behind_follows_from_the_numbers_or_is_unknown() {
    let mut stream = referenced();
    let lag = |stream: &Stream, id, read| stream.facts().lag(&Group::new(id, read));
    assert_eq!(lag(&stream, Id::MIN, None), Some(10));
    assert_eq!(lag(&stream, Id::new(4, 0), None), None);
    assert_eq!(lag(&stream, Id::new(4, 0), Some(4)), Some(6));
    assert_eq!(lag(&stream, Id::new(10, 0), None), Some(0));
    stream.delete(Id::new(6, 0));
    assert_eq!(lag(&stream, Id::new(4, 0), Some(4)), None);
    assert_eq!(lag(&stream, Id::new(7, 0), Some(7)), Some(3));
    stream.trim(Trim::Length(3), Reach::Exact);
    assert_eq!(lag(&stream, Id::new(4, 0), Some(4)), Some(3));
    stream.trim(Trim::Length(0), Reach::Exact);
    assert_eq!(lag(&stream, Id::new(4, 0), Some(4)), Some(0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn what_has_been_pending_longest_is_found_however_it_came_to_be(
        changes in prop::collection::vec((0_u64..20, -3_i64..30, 0_u32..3, prop::bool::ANY), 0..60),
        ordered_from in 0_usize..60,
    ) {
        let mut group = Group::new(Id::MIN, None);
        let numbers = [b"a", b"b"].map(|name| group.add_consumer(name, 0, 0).expect("new"));
        for (at, (id, delivered_ms, owner, is_set)) in changes.into_iter().enumerate() {
            if at == ordered_from {
                group.pending.order_by_time();
            }
            let id = Id::new(id, 0);
            let consumer = numbers.get(owner as usize).copied().unwrap_or(ConsumerNumber::NOBODY);
            if is_set {
                group.pending.set(Pending { id, consumer, delivered_ms, deliveries: 1 });
            } else if owner == 0 && delivered_ms < 0 {
                group.remove_consumer(b"a");
                group.add_consumer(b"a", 0, 0).expect("it was removed");
            } else {
                group.pending.remove(id);
            }
            let mut expected: Vec<(i64, Id)> =
                group.pending.from(Id::MIN).map(|one| (one.delivered_ms, one.id)).collect();
            expected.sort_unstable();
            prop_assert_eq!(group.pending.oldest().map(|one| (one.delivered_ms, one.id)), expected.first().copied());
            if group.pending.is_ordered_by_time() {
                for last in [-4, 5, i64::MAX] {
                    let found: Vec<(i64, Id)> =
                        group.pending.delivered_until(last).map(|one| (one.delivered_ms, one.id)).collect();
                    let until = expected.iter().take_while(|(at, _)| *at <= last).copied();
                    prop_assert_eq!(found, until.collect::<Vec<_>>());
                }
            }
        }
    }
}
