//! Replays the fuzzing corpus: every input that was ever interesting stays a test.

#[path = "../../../fuzz/checks/corpus.rs"]
mod corpus;
#[path = "../../../fuzz/checks/stream_id.rs"]
mod ids;
#[path = "../../../fuzz/checks/ranges.rs"]
mod ranges;

#[test]
fn every_id_of_the_corpus_is_refused_or_comes_back() {
    corpus::replay("stream_id", ids::check);
}

#[test]
fn every_end_of_a_range_of_the_corpus_is_refused_or_comes_back() {
    corpus::replay("ranges", ranges::check);
}
