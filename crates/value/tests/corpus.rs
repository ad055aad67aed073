//! Replays the fuzzing corpus: every input that was ever interesting stays a test.

#[path = "../../../fuzz/checks/stream_id.rs"]
mod check;
#[path = "../../../fuzz/checks/corpus.rs"]
mod corpus;

#[test]
fn every_id_of_the_corpus_is_refused_or_comes_back() {
    corpus::replay("stream_id", check::check);
}
