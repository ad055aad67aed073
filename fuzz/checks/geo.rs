//! What must hold for any words behind the key of a search for places, one a line: the forms of the search agree on whether they
//! are one, on how many places there are, and on which.

use std::collections::BTreeSet;

use crate::commands::run;

/// The most words of a search.
const MAX_WORDS: usize = 64;
/// Places with their names: cities, and where the map ends.
const PLACES: &[[&str; 3]] = &[
    ["13.361389", "38.115556", "Palermo"],
    ["15.087269", "37.502669", "Catania"],
    ["2.3522", "48.8566", "Paris"],
    ["-0.1276", "51.5072", "London"],
    ["151.2093", "-33.8688", "Sydney"],
    ["0", "0", "middle"],
    ["180", "10", "east"],
    ["-180", "10", "west"],
    ["179.99", "-10", "nearly-east"],
    ["10", "85.05112878", "north"],
    ["-10", "-85.05112878", "south"],
];

/// The names in a reply.
fn names(reply: &[u8]) -> BTreeSet<&'static str> {
    let text = String::from_utf8_lossy(reply).into_owned();
    let lines: BTreeSet<&str> = text.lines().collect();
    PLACES.iter().map(|place| place[2]).filter(|name| lines.contains(name)).collect()
}

/// How many elements a reply has, unless it is an error.
fn count(reply: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(reply.split(|&byte| byte == b'\r').next()?).ok()?;
    text.strip_prefix(['*', ':'])?.parse().ok()
}

fn is(words: &[&[u8]], word: &str) -> bool {
    words.iter().any(|other| other.eq_ignore_ascii_case(word.as_bytes()))
}

/// Panics if a search misbehaves.
pub(crate) fn check(text: &[u8]) {
    for place in PLACES {
        run(&[b"GEOADD", b"places", place[0].as_bytes(), place[1].as_bytes(), place[2].as_bytes()]);
    }
    let words: Vec<&[u8]> = text.split(|&byte| byte == b'\n').take(MAX_WORDS).collect();
    let ask = |head: &[&[u8]]| run(&[head, &words].concat());
    check_search(&words, &ask(&[b"GEOSEARCH", b"places"]), &ask(&[b"GEOSEARCHSTORE", b"found", b"places"]));
    for (both, read_only) in [("GEORADIUS", "GEORADIUS_RO"), ("GEORADIUSBYMEMBER", "GEORADIUSBYMEMBER_RO")] {
        let (both, read_only) = (ask(&[both.as_bytes(), b"places"]), ask(&[read_only.as_bytes(), b"places"]));
        assert!(count(&read_only).is_none() || read_only == both, "{words:?}");
    }
    run(&[b"FLUSHALL"]); // some of them store
}

fn check_search(words: &[&[u8]], shown: &[u8], stored: &[u8]) {
    // What only one of the two takes.
    let is_for_both =
        !["WITHDIST", "WITHHASH", "WITHCOORD", "STOREDIST"].into_iter().any(|word| is(words, word));
    assert!(!is_for_both || count(shown) == count(stored), "{words:?}: {shown:?} {stored:?}");
    let Some(found) = count(shown) else { return };
    assert!(found <= PLACES.len());
    assert_eq!(names(shown).len(), found, "each place once: {words:?}");
    if count(stored).is_some() {
        let members = run(&[b"ZRANGE", b"found", b"0", b"-1"]);
        assert!(is(words, "ANY") || names(&members) == names(shown), "{words:?}");
    }
    // In another order it finds the same, unless it stops early.
    if !is(words, "COUNT") {
        let nearest = run(&[&[&b"GEOSEARCH"[..], b"places"], words, &[&b"ASC"[..]]].concat());
        let farthest = run(&[&[&b"GEOSEARCH"[..], b"places"], words, &[&b"DESC"[..]]].concat());
        assert!(names(&nearest) == names(shown) && names(&farthest) == names(shown), "{words:?}");
    }
}
