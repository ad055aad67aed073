//! Replays the fuzzing corpus: every input that was ever interesting stays a test.

#[path = "../../../fuzz/checks/backup_list.rs"]
mod backup_list;
#[path = "../../../fuzz/checks/corpus.rs"]
mod corpus;

#[test]
fn every_list_of_the_corpus_is_refused_or_comes_back() {
    corpus::replay("backup_list", backup_list::check);
}
