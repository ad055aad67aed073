//! Replays the fuzzing corpus: every input that was ever interesting stays a test.

#[path = "../../../fuzz/checks/config.rs"]
mod check;
#[path = "../../../fuzz/checks/corpus.rs"]
mod corpus;

#[test]
fn every_configuration_of_the_corpus_is_refused_in_one_line_or_rewritten_alike() {
    corpus::replay("config", check::check);
}
