//! Replays the fuzzing corpus: every input that was ever interesting stays a test.

#[path = "../../../fuzz/checks/acl_file.rs"]
mod acl_file;
#[path = "../../../fuzz/checks/acl_rules.rs"]
mod acl_rules;
#[path = "../../../fuzz/checks/acl_commands.rs"]
mod commands;
#[path = "../../../fuzz/checks/corpus.rs"]
mod corpus;

use corpus::replay;

#[test]
fn all_rules_of_the_corpus_are_described_so_that_they_can_be_read_back() {
    replay("acl_rules", acl_rules::check);
}

#[test]
fn all_files_of_the_corpus_are_written_as_they_were_read() {
    replay("acl_file", acl_file::check);
}
