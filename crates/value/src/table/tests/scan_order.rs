//! Entries that come, or stay, in the order of a scan: they share the low bits of their hashes, which choose the page.

use super::super::root::{CHUNK, Chunk};
use super::*;

/// Shows `each` all keys of a table in the order of a scan, and its hash.
fn scan_keys(table: &Table<Object>, mut each: impl FnMut(u64, &[u8])) {
    let mut cursor = 0;
    loop {
        cursor = table.scan(cursor, &mut |entry| each(table.hash(entry.key), entry.key));
        if cursor == 0 {
            return;
        }
    }
}

#[test]
fn no_page_overflows_whose_entries_come_and_go_in_the_order_of_a_scan() {
    const LENGTH: usize = 100;
    const MOST: usize = 49 * 1024;
    let mut source = Table::<Object>::new(SEED, OPTIONS);
    for number in 0..40_000 {
        let key = format!("{number:0LENGTH$}").into_bytes();
        source.insert(source.hash(&key), &key, NewPayload::Inline(b""), Meta::default());
    }
    let (mut copy, mut most) = (Table::<Object>::new(SEED, OPTIONS), 0);
    scan_keys(&source, |hash, key| {
        copy.insert(hash, key, NewPayload::Inline(b""), Meta::default());
        most = most.max(copy.root.page(copy.root.page_of(hash)).live_bytes());
    });
    assert!((MOST / 2..MOST).contains(&most), "{most}: it has come close");
    assert_eq!((copy.len(), copy.root.pages), (source.len(), source.root.pages));
    assert!(copy.allocated_bytes() < source.allocated_bytes() / 10 * 11);
    // A few thousand of them, each of which gets longer.
    let mut few = Table::<Object>::new(SEED, OPTIONS);
    scan_keys(&source, |hash, key| {
        if few.len() < 1000 {
            few.insert(hash, key, NewPayload::Inline(b""), Meta::default());
        }
    });
    for value in [&b""[..], &[b'v'; 60]] {
        scan_keys(&few.clone(), |hash, key| {
            let meta = Meta { expiry: Some(UnixMs(1 << 40)), access: Some(1), ..Meta::default() };
            few.set(hash, key, NewPayload::Inline(value), meta);
            assert!(few.root.page(few.root.page_of(hash)).live_bytes() < MOST);
        });
    }
    for table in [&mut copy, &mut few] {
        scan_keys(&table.clone(), |hash, key| {
            let at = table.find(hash, key).expect("it is in the clone");
            table.remove(at);
            most = most.max(table.root.page(linear::next_merge(table.root.pages + 1)).live_bytes());
        });
        assert!(table.is_empty() && most < MOST, "{most}");
        assert_eq!(table.root.pages, 1);
    }
}

/// The first numbers whose keys, of a length, have hashes with so many low bits of zero: what a scan of a set of that many pages
/// begins with.
fn first_in_scan(keys: usize, bits: u32, length: usize) -> Vec<Vec<u8>> {
    let table = Table::<Object>::new(SEED, OPTIONS);
    let all = (0_usize..).map(|number| format!("{number:0length$}").into_bytes());
    all.filter(|key| table.hash(key).trailing_zeros() >= bits).take(keys).collect()
}

fn insert(table: &mut Table<Object>, key: &[u8]) {
    table.insert(table.hash(key), key, NewPayload::Inline(b""), Meta::default());
}

/// What a walk past the pages without entries looks at.
fn inhabited(table: &Table<Object>) -> usize {
    table.root.inhabited(0..table.root.pages).count()
}

#[test]
fn random_entries_of_few_pages_among_many_are_uniform_and_soon_found() {
    let mut table = Table::new(SEED, OPTIONS);
    for (number, key) in first_in_scan(1000, 12, 100).iter().enumerate() {
        insert(&mut table, key);
        if number == 200 {
            check_uniform(&table, 40_000); // in one page of several
        }
    }
    assert!(table.root.pages > 10 * table.len(), "{}", table.root.pages);
    check_uniform(&table, 100_000);
    assert!(inhabited(&table) < 20 * CHUNK, "{}", inhabited(&table));
    let (fullest, bound) = (fullest(&table), table.root.fullest.bound());
    assert!((fullest..2 * fullest).contains(&bound), "{bound} for {fullest}");
    // Ten thousand pages cost a pointer for every sixteen.
    let most = 3 * table.live_bytes() + 8 * table.root.chunks.capacity() + 20 * size_of::<Chunk<Object>>();
    assert!(table.allocated_bytes() < most, "{} of {most}", table.allocated_bytes());
}

#[test]
fn random_entries_that_removals_have_left_in_few_pages_are_uniform_and_soon_found() {
    let mut table = filled(60_000);
    let mut keys = Vec::new();
    scan_keys(&table, |_, key| keys.push(key.to_vec()));
    for key in &keys[..59_000] {
        let at = table.find(table.hash(key), key).expect("it is there");
        table.remove(at);
    }
    check_uniform(&table, 100_000);
    let homes = (0..table.root.pages).filter(|&page| table.root.page(page).count() > 0).count();
    assert!(inhabited(&table) <= (homes + 1) * CHUNK, "{} for {homes}", inhabited(&table));
    let mut shown = 0;
    table.sample(&mut Rng::from_seed(1), 2000, false, &mut |_| shown += 1);
    assert_eq!(shown, 1000, "a sample walks past them and finds all");
}

#[test]
fn one_entry_divides_a_bounded_part_of_the_pages() {
    for length in [20, 250] {
        let keys = first_in_scan(40 * 1024 * 2 / (length + 7), 11, length);
        let mut table = Table::new(SEED, OPTIONS);
        let (mut longest, mut crowded) = (0, 0);
        for key in &keys {
            let before = table.root.pages;
            insert(&mut table, key);
            let divisions = table.root.pages - before;
            assert!(divisions <= divisions_of(before), "{divisions} of {before}");
            crowded += usize::from(divisions > 1);
            longest = longest.max(table.root.page(table.root.page_of(table.hash(key))).live_bytes());
        }
        assert!(table.root.pages > 1 << 11, "{}", table.root.pages);
        assert!((32 * 1024..49 * 1024).contains(&longest) && crowded > 5, "{longest} {crowded}");
    }
}

/// Most divisions with one entry: for the average, and for the crowded page, where whole chunks are divided.
fn divisions_of(pages: usize) -> usize {
    1 + divisions(pages) + CHUNK
}
