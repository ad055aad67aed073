//! Model tests: the table against a map of the standard library, with clones and scans in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use stdx::rng::Rng;

use super::*;
use crate::page::{INLINE_MAX, Payload};

mod scan_order;

type Object = Arc<Vec<u8>>;
/// What the model stores: payload, whether as an object, kind and expiry.
type Model = BTreeMap<Vec<u8>, (Vec<u8>, bool, u8, Option<i64>)>;

const SEED: HashKey = HashKey([1, 2]);
const OPTIONS: Options = Options { access: true };

/// An object of three blocks.
impl Sweep for Object {
    fn sweep(&mut self, within: &mut usize, sweeper: &mut Sweeper<'_>) -> bool {
        sweeper.pass();
        *within += 1;
        *within == 3
    }
}

#[derive(Debug, Clone)]
enum Operation {
    Set { key: Vec<u8>, value: Vec<u8>, object: bool, kind: u8, expiry: Option<i64> },
    Remove { key: Vec<u8> },
    Expire { key: Vec<u8>, expiry: Option<i64> },
    Overwrite { key: Vec<u8>, byte: u8 },
    TakeDue { now: i64 },
    Clone,
    DropClones,
    Sweep,
    Shrink { key: Vec<u8> },
    MakeRoom { keys: Vec<Vec<u8>>, bytes: usize },
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        10 => (0u32..400).prop_map(|number| format!("key:{number}").into_bytes()),
        10 => (0u32..400).prop_map(|number| format!("key:{number:05}").into_bytes()),
        1 => (0usize..4).prop_map(|number| vec![b'k'; 249 + number]),
        1 => Just(Vec::new()),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        10 => any::<u8>().prop_map(|byte| vec![byte; 33]),
        10 => (0usize..100, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
        2 => (120usize..140, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
        1 => (INLINE_MAX - 2..INLINE_MAX + 3, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
        1 => (5000usize..9000, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
    ]
}

fn expiry() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![3 => Just(None), 2 => (0i64..1000).prop_map(Some), 1 => Just(Some(i64::MAX - 1))]
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        12 => (key(), value(), prop::bool::weighted(0.1), 0u8..8, expiry())
            .prop_map(|(key, value, object, kind, expiry)| Operation::Set { key, value, object, kind, expiry }),
        6 => key().prop_map(|key| Operation::Remove { key }),
        3 => (key(), expiry()).prop_map(|(key, expiry)| Operation::Expire { key, expiry }),
        3 => (key(), any::<u8>()).prop_map(|(key, byte)| Operation::Overwrite { key, byte }),
        1 => (0i64..1000).prop_map(|now| Operation::TakeDue { now }),
        1 => Just(Operation::Clone),
        1 => Just(Operation::DropClones),
        1 => Just(Operation::Sweep),
        2 => key().prop_map(|key| Operation::Shrink { key }),
        1 => (prop::collection::vec(key(), 0..50), 0usize..3000)
            .prop_map(|(keys, bytes)| Operation::MakeRoom { keys, bytes }),
    ]
}

fn bytes_of(payload: Payload<'_, Object>) -> (Vec<u8>, bool) {
    match payload {
        Payload::Inline(bytes) => (bytes.to_vec(), false),
        Payload::Object(object) => (object.to_vec(), true),
    }
}

fn content(table: &Table<Object>) -> Model {
    table
        .iter()
        .map(|entry| {
            let (value, object) = bytes_of(entry.payload);
            (entry.key.to_vec(), (value, object, entry.meta.kind, entry.meta.expiry.map(|at| at.0)))
        })
        .collect()
}

fn apply(table: &mut Table<Object>, model: &mut Model, operation: Operation) {
    match operation {
        Operation::Set { key, value, object, kind, expiry } => {
            let meta = Meta { kind, expiry: expiry.map(UnixMs), access: Some(7) };
            let payload =
                if object { NewPayload::Object(Arc::new(value.clone())) } else { NewPayload::Inline(&value) };
            let replaced = table.set(table.hash(&key), &key, payload, meta);
            let old = model.insert(key, (value, object, kind, expiry));
            match old {
                None => assert_eq!(replaced, Replaced::Absent),
                Some((_, false, ..)) => assert_eq!(replaced, Replaced::Inline),
                Some((old, true, ..)) => assert_eq!(replaced, Replaced::Object(Arc::new(old))),
            }
        }
        Operation::Remove { key } => {
            let found = table.find(table.hash(&key), &key);
            assert_eq!(found.is_some(), model.remove(&key).is_some());
            if let Some(at) = found {
                table.remove(at);
            }
        }
        Operation::Expire { key, expiry } => {
            if let Some(at) = table.find(table.hash(&key), &key) {
                let meta = Meta { expiry: expiry.map(UnixMs), ..table.entry(at).meta };
                table.set_meta(at, meta);
                model.get_mut(&key).expect("in both").3 = expiry;
            }
        }
        Operation::Overwrite { key, byte } => {
            if let Some(at) = table.find(table.hash(&key), &key) {
                if let Payload::Inline(_) = table.entry(at).payload {
                    table.inline_mut(at).fill(byte);
                } else {
                    Arc::make_mut(table.object_mut(at).expect("it is not inline")).fill(byte);
                }
                model.get_mut(&key).expect("in both").0.fill(byte);
            }
        }
        Operation::TakeDue { now } => {
            let mut gone = BTreeSet::new();
            table.take_due(UnixMs(now), usize::MAX, &mut |entry| {
                gone.insert(entry.key.to_vec());
            });
            let due: BTreeSet<_> = model
                .iter()
                .filter(|(_, value)| value.3.is_some_and(|at| at <= now))
                .map(|(key, _)| key.clone())
                .collect();
            assert_eq!(gone, due);
            model.retain(|key, _| !due.contains(key));
            assert!(table.next_expiry().is_none_or(|at| at > UnixMs(now)));
        }
        Operation::Clone | Operation::DropClones => {}
        Operation::Shrink { key } => table.shrink(table.hash(&key)),
        Operation::MakeRoom { keys, bytes } => {
            let hashes: Vec<u64> = keys.iter().map(|key| table.hash(key)).collect();
            table.make_room(hashes.into_iter().map(|hash| (hash, bytes)));
        }
        Operation::Sweep => {
            let mut cursor = Cursor::default();
            while !table.sweep_at(&mut cursor, &mut Sweeper::new(&|_| true, 7)) {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_table_and_its_clones_behave_like_maps(operations in prop::collection::vec(operation(), 0..1500)) {
        let mut table = Table::new(SEED, OPTIONS);
        let mut model = Model::new();
        let mut clones: Vec<(Table<Object>, Model)> = Vec::new();
        for operation in operations {
            match operation {
                Operation::Clone => clones.push((table.clone(), model.clone())),
                Operation::DropClones => {
                    for (clone, then) in clones.drain(..) {
                        prop_assert_eq!(content(&clone), then);
                    }
                }
                other => apply(&mut table, &mut model, other),
            }
            prop_assert_eq!(table.len(), model.len());
        }
        prop_assert_eq!(content(&table), model);
        prop_assert_eq!(table.root.live_bytes, table.root.counted_live_bytes());
        prop_assert!(fullest(&table) <= table.root.fullest.bound());
        for (clone, then) in clones {
            prop_assert_eq!(content(&clone), then);
        }
    }
}

/// Entries of the page that has most.
fn fullest(table: &Table<Object>) -> usize {
    (0..table.root.pages).map(|page| table.root.page(page).count()).max().expect("there is a page")
}

fn key_of(number: u32) -> Vec<u8> {
    number.to_string().into_bytes()
}

fn filled(count: u32) -> Table<Object> {
    let mut table = Table::new(SEED, OPTIONS);
    for number in 0..count {
        let key = key_of(number);
        table.set(table.hash(&key), &key, NewPayload::Inline(&[b'v'; 40]), Meta::default());
    }
    table
}

fn remove(table: &mut Table<Object>, number: u32) {
    let key = key_of(number);
    if let Some(at) = table.find(table.hash(&key), &key) {
        table.remove(at);
    }
}

#[test]
fn a_scan_beside_growth_and_shrinking_misses_nothing_that_stayed() {
    let mut rng = Rng::from_seed(3);
    for _ in 0..50 {
        let mut table = filled(3000);
        let mut seen = BTreeSet::new();
        let mut cursor = 0;
        let mut next = 3000u32;
        loop {
            cursor = table.scan(cursor, &mut |entry| {
                seen.insert(entry.key.to_vec());
            });
            if cursor == 0 {
                break;
            }
            // The first thousand stay; the others come and go.
            for _ in 0..rng.below(400) {
                if rng.below(2) == 0 {
                    let key = next.to_string().into_bytes();
                    table.set(table.hash(&key), &key, NewPayload::Inline(&[b'v'; 40]), Meta::default());
                    next += 1;
                } else {
                    remove(&mut table, 1000 + rng.below(u64::from(next) - 1000) as u32);
                }
            }
        }
        for number in 0..1000u32 {
            assert!(seen.contains(number.to_string().as_bytes()), "{number} was there all the time");
        }
    }
}

#[test]
fn memory_returns_when_entries_go() {
    let mut table = filled(20_000);
    let full = table.allocated_bytes();
    for number in 100..20_000 {
        remove(&mut table, number);
    }
    assert!(table.allocated_bytes() < full / 50, "{} of {full}", table.allocated_bytes());
    assert_eq!(table.len(), 100);
}

/// What entries take beyond keys and values in a table of a page.
fn overhead(lengths: impl IntoIterator<Item = (usize, usize)>) -> usize {
    let mut table: Table<Object> = Table::new(SEED, OPTIONS);
    let mut content = 0;
    for (number, (key, value)) in lengths.into_iter().enumerate() {
        let (key, value) = (format!("{number:0key$}").into_bytes(), vec![b'v'; value]);
        content += key.len() + value.len();
        table.set(table.hash(&key), &key, NewPayload::Inline(&value), Meta::default());
        let found = table.get(table.hash(&key), &key).expect("it has just been set");
        assert_eq!(bytes_of(found.payload), (value, false));
    }
    table.root.live_bytes - content
}

#[test]
fn all_eight_bits_of_a_tag_tell_entries_apart() {
    let mut page: Page<Object> = Page::default();
    let mut insert = |tag, key: &[u8]| {
        page.insert(tag, key, NewPayload::Inline(b""), Meta::default(), OPTIONS);
        [0, 0x01, 0x80, 0x81].map(|tag| page.candidate(tag).is_some())
    };
    assert_eq!(insert(0x81, b"one"), [false, false, false, true]);
    assert_eq!(insert(0x01, b"two"), [false, true, false, true]);
    // Behind the last slot tags are zero as well.
    assert_eq!(insert(0, b"three"), [true, true, false, true]);
    let slot = page.find(0, b"three", OPTIONS).expect("it is there").slot();
    page.remove(slot, OPTIONS);
    assert!(page.candidate(0).is_none());
    assert!(page.find(0x01, b"two", OPTIONS).is_some());
}

#[test]
fn entries_do_not_repeat_the_usual_lengths() {
    // A tag, an offset, flags and an access clock; and the two lengths where they are not the usual ones.
    let (short, with_lengths) = (3 + 1 + 3, 3 + 1 + 3 + 2);
    assert_eq!(overhead([(16, 8); 20]), 20 * short);
    assert_eq!(overhead([(16, 255); 4]), 4 * short);
    assert_eq!(overhead([(16, 256); 4]), 4 * (with_lengths + 1), "too long to be usual");
    assert_eq!(overhead([(16, 8), (16, 9), (17, 8), (16, 8)]), 2 * short + 2 * with_lengths);
    assert_eq!(overhead([(0, 0), (16, 0), (16, 0)]), short + 2 * with_lengths);
}

#[test]
fn what_is_usual_is_what_most_entries_have_once_a_page_is_divided() {
    let mut table: Table<Object> = Table::new(SEED, OPTIONS);
    let mut set = |key: &str, value: &[u8]| {
        table.set(table.hash(key.as_bytes()), key.as_bytes(), NewPayload::Inline(value), Meta::default());
    };
    set("first", b"of another length");
    let mut content = 22;
    for number in 0..10_000 {
        // Every fifth value is of another length, each of its own.
        let value = vec![b'v'; if number % 5 == 0 { number % 97 + 21 } else { 20 }];
        set(&format!("key:{number:08}"), &value);
        content += 12 + value.len();
    }
    let (usual, others) = (8000 * 7, 2001 * 9);
    let live = table.root.live_bytes - content;
    assert!((usual + others..usual + others + 200).contains(&live), "{live}");
    // And after most of them have gone and pages have been joined.
    for number in (0..10_000).filter(|number| number % 50 != 1) {
        let key = format!("key:{number:08}");
        let at = table.find(table.hash(key.as_bytes()), key.as_bytes()).expect("it is there");
        table.remove(at);
    }
    for number in (0..10_000).filter(|number| number % 50 == 1) {
        let key = format!("key:{number:08}");
        let entry = table.get(table.hash(key.as_bytes()), key.as_bytes()).expect("it has stayed");
        assert_eq!(bytes_of(entry.payload), (vec![b'v'; 20], false));
    }
    assert_eq!(table.len(), 201);
}

#[test]
fn random_entries_are_uniform_also_after_mass_deletion() {
    const DRAWS: u32 = 100_000;
    let mut table = filled(20_000);
    for number in 200..20_000 {
        remove(&mut table, number);
    }
    check_uniform(&table, DRAWS);
}

/// Draws so many random entries, and looks whether all come about as often.
#[track_caller]
fn check_uniform(table: &Table<Object>, draws: u32) {
    let mut rng = Rng::from_seed(9);
    let mut counts = BTreeMap::new();
    for _ in 0..draws {
        let at = table.random(&mut rng).expect("not empty");
        *counts.entry(table.entry(at).key.to_vec()).or_insert(0u32) += 1;
    }
    assert_eq!(counts.len(), table.len(), "all are drawn");
    let entries = counts.len() as f64;
    let expected = f64::from(draws) / entries;
    let chi_square: f64 =
        counts.values().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
    // The mean is the degrees of freedom, the standard deviation the root of twice as many; the seed is fixed.
    assert!(chi_square < entries + 4.0 * (2.0 * entries).sqrt(), "{chi_square} of {entries}");
}

#[test]
fn due_entries_are_found_without_visiting_the_others() {
    let mut table = filled(10_000);
    for number in 0..10u32 {
        let key = format!("due:{number}").into_bytes();
        let meta = Meta { expiry: Some(UnixMs(100 + i64::from(number))), ..Meta::default() };
        table.set(table.hash(&key), &key, NewPayload::Inline(b""), meta);
    }
    assert_eq!(table.next_expiry(), Some(UnixMs(100)));
    assert_eq!(table.take_due(UnixMs(99), 100, &mut |_| {}), 0);
    assert_eq!(table.take_due(UnixMs(104), 100, &mut |_| {}), 5);
    assert_eq!(table.next_expiry(), Some(UnixMs(105)));
    assert_eq!(
        table.visit_due(UnixMs(200), 100, &mut |entry| {
            if entry.key == b"due:9" { Due::Keep(UnixMs(300)) } else { Due::Remove }
        }),
        4
    );
    assert_eq!(table.next_expiry(), Some(UnixMs(300)));
    assert_eq!(table.len(), 10_001);
}

#[test]
fn a_sample_lies_at_a_random_place_and_finds_rare_times() {
    let mut table = filled(10_000);
    let mut rng = Rng::from_seed(9);
    let mut names = BTreeMap::new();
    for _ in 0..2000 {
        let mut shown = 0;
        table.sample(&mut rng, 5, false, &mut |entry| {
            shown += 1;
            *names.entry(entry.key.to_vec()).or_insert(0) += 1;
        });
        assert_eq!(shown, 5);
    }
    assert!(names.len() > 5000, "{}", names.len());
    let sample_expiring = |table: &Table<Object>, rng: &mut Rng| {
        let mut found = Vec::new();
        table.sample(rng, 5, true, &mut |entry| found.push(entry.key.to_vec()));
        found
    };
    assert!(sample_expiring(&table, &mut rng).is_empty());
    let key = b"due".as_slice();
    let meta = Meta { expiry: Some(UnixMs(100)), ..Meta::default() };
    table.set(table.hash(key), key, NewPayload::Inline(b""), meta);
    assert_eq!(sample_expiring(&table, &mut rng), [key]);
}

#[test]
fn a_table_that_shrinks_its_pages_follows_its_content_down() {
    let mut table = filled(10_000);
    let (full, live) = (table.allocated_bytes(), table.live_bytes());
    for number in 0..4000 {
        let hash = table.hash(&key_of(number));
        remove(&mut table, number);
        table.shrink(hash);
    }
    let gone = live - table.live_bytes();
    assert!(full - table.allocated_bytes() > gone / 10 * 9, "{full} {} {gone}", table.allocated_bytes());
    for number in 4000..10_000 {
        let hash = table.hash(&key_of(number));
        assert!(table.find(hash, &key_of(number)).is_some());
        remove(&mut table, number);
        table.shrink(hash);
    }
    assert!(table.is_empty() && table.allocated_bytes() < 2000, "{}", table.allocated_bytes());
}

#[test]
fn a_sweep_gives_back_what_removals_have_left_spare() {
    let sweep = |table: &mut Table<Object>| {
        let mut sweeper = Sweeper::new(&|_| false, usize::MAX);
        assert!(table.sweep_at(&mut Cursor::default(), &mut sweeper));
        sweeper.moved
    };
    let mut table = filled(10_000);
    assert_eq!(sweep(&mut table), 0, "pages that have only grown are left alone");
    let (full, live) = (table.allocated_bytes(), table.live_bytes());
    (0..10_000).filter(|number| number % 5 < 2).for_each(|number| remove(&mut table, number));
    assert_eq!(table.allocated_bytes(), full, "pages keep their memory for what may come");
    let held = table.clone();
    assert_eq!(sweep(&mut table), 0, "what a clone holds is left alone");
    drop(held);
    assert!(sweep(&mut table) > 10);
    let (given, gone) = (full - table.allocated_bytes(), live - table.live_bytes());
    assert!(given > gone / 10 * 8, "{given} of {gone} bytes");
    assert_eq!(sweep(&mut table), 0, "once is enough");
    for number in 0..10_000 {
        assert_eq!(table.find(table.hash(&key_of(number)), &key_of(number)).is_some(), number % 5 >= 2);
    }
}

#[test]
fn a_long_payload_is_replaced_in_its_place_unless_a_clone_holds_it() {
    let mut table = Table::<Object>::new(SEED, OPTIONS);
    let meta = Meta { kind: 0, expiry: None, access: Some(7) };
    let set = |table: &mut Table<Object>, byte: u8| {
        table.set(table.hash(b"k"), b"k", NewPayload::Inline(&[byte; 1000]), meta);
    };
    let bytes = |table: &Table<Object>| {
        let at = table.find(table.hash(b"k"), b"k").expect("it was set");
        let Payload::Inline(bytes) = table.entry(at).payload else { panic!("bytes were set") };
        (bytes.as_ptr(), bytes[999])
    };
    set(&mut table, b'a');
    let (place, _) = bytes(&table);
    set(&mut table, b'b');
    assert_eq!(bytes(&table), (place, b'b'));
    let clone = table.clone();
    set(&mut table, b'c');
    assert_eq!((bytes(&table).1, bytes(&clone)), (b'c', (place, b'b')));
}

#[test]
fn entries_for_which_room_is_made_are_all_that_needs_memory() {
    const ENTRY: usize = 100;
    for before in [0, 3000] {
        let mut table = filled(before);
        let hashes: Vec<u64> = (before..before + 5000).map(|number| table.hash(&key_of(number))).collect();
        table.make_room(hashes.iter().map(|&hash| (hash, ENTRY)));
        let (pages, bytes) = (table.root.pages, table.allocated_bytes());
        for (number, &hash) in (before..).zip(&hashes) {
            let key = key_of(number);
            // Flags, access clock, and two lengths.
            let value = vec![b'v'; ENTRY - 6 - key.len()];
            table.insert(hash, &key, NewPayload::Inline(&value), Meta { access: Some(1), ..Meta::default() });
        }
        assert_eq!((table.root.pages, table.allocated_bytes()), (pages, bytes));
        assert_eq!(table.len(), before as usize + 5000);
        assert!(bytes < table.live_bytes() / 8 * 10, "{bytes} for {}", table.live_bytes());
    }
}

#[test]
fn no_room_is_made_for_more_than_a_page_can_take() {
    let mut table = Table::<Object>::new(SEED, OPTIONS);
    let hash = table.hash(b"k");
    table.make_room((0..10_000).map(|_| (hash, 400)));
    table.make_room((0..10_000).map(|_| (hash, 0)));
    table.insert(hash, b"k", NewPayload::Inline(b"v"), Meta { access: Some(1), ..Meta::default() });
    assert!(
        table.find(hash, b"k").is_some() && table.allocated_bytes() < 200_000,
        "{}",
        table.allocated_bytes()
    );
}
