//! Replays the fuzzing corpus: every input that was ever interesting stays a test.

#[path = "../../../fuzz/checks/aof.rs"]
mod aof;
#[path = "../../../fuzz/checks/corpus.rs"]
mod corpus;
#[path = "../../../fuzz/checks/manifest.rs"]
mod manifest;
#[path = "../../../fuzz/checks/rdb.rs"]
mod rdb;
#[path = "../../../fuzz/checks/restore.rs"]
mod restore;

use corpus::replay;

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
