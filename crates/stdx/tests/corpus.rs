//! Replays the fuzzing corpus: every input that was ever interesting stays a test.

#[path = "../../../fuzz/checks/glob.rs"]
mod check;
#[path = "../../../fuzz/checks/corpus.rs"]
mod corpus;

#[test]
fn every_pattern_of_the_corpus_matches_what_the_definition_says() {
    corpus::replay("glob", check::check);
}
