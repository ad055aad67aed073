//! Replays the fuzzing corpus: every input that was ever interesting stays a test.

use std::path::Path;

#[path = "../../../fuzz/checks/aof.rs"]
mod aof;
#[path = "../../../fuzz/checks/manifest.rs"]
mod manifest;
#[path = "../../../fuzz/checks/rdb.rs"]
mod rdb;
#[path = "../../../fuzz/checks/restore.rs"]
mod restore;

/// Runs `check` over every file of a target's corpus, over all its beginnings, and with each of its bits turned.
fn replay(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = std::fs::read_dir(&folder).expect("the corpus is in the tree");
    let mut replayed = 0;
    for file in files {
        let path = file.expect("a readable folder").path();
        let bytes = std::fs::read(&path).expect("a readable file");
        check(&bytes);
        replayed += 1;
        if bytes.len() > 300 {
            continue;
        }
        for end in 0..bytes.len() {
            check(&bytes[..end]);
        }
        for bit in 0..bytes.len() * 8 {
            let mut turned = bytes.clone();
            turned[bit / 8] ^= 1 << (bit % 8);
            check(&turned);
        }
    }
    assert!(replayed > 0, "no corpus in {}", folder.display());
}

#[test]
fn every_rdb_of_the_corpus_is_decoded_alike_however_it_is_cut() {
    replay("rdb", rdb::check);
}

#[test]
fn every_append_only_file_of_the_corpus_is_read_alike_however_it_is_cut() {
    replay("aof", aof::check);
}

#[test]
fn every_payload_of_the_corpus_is_refused_or_comes_back() {
    replay("restore", restore::check);
}

#[test]
fn every_manifest_of_the_corpus_is_refused_or_comes_back() {
    replay("manifest", manifest::check);
}
