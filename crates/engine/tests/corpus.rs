//! Replays the fuzzing corpus: every input that was ever interesting stays a test.

#[path = "../../../fuzz/checks/commands.rs"]
mod commands;
#[path = "../../../fuzz/checks/corpus.rs"]
mod corpus;
#[path = "../../../fuzz/checks/geo.rs"]
mod geo;
mod machine;

#[test]
fn every_search_of_the_corpus_finds_the_same_in_each_of_its_forms() {
    corpus::replay("geo", geo::check);
}
