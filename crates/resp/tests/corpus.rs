//! Replays the fuzzing corpus: every input that was ever interesting stays a test.

use std::path::Path;

#[path = "../../../fuzz/checks/resp_frame.rs"]
mod resp_frame;
#[path = "../../../fuzz/checks/resp_request.rs"]
mod resp_request;

/// Runs `check` over every file of a target's corpus.
fn replay(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = std::fs::read_dir(&folder).expect("the corpus is in the tree");
    let mut replayed = 0;
    for file in files {
        let path = file.expect("a readable folder").path();
        check(&std::fs::read(&path).expect("a readable file"));
        replayed += 1;
    }
    assert!(replayed > 0, "no corpus in {}", folder.display());
}

#[test]
fn every_request_of_the_corpus_is_decoded_alike_however_it_is_cut() {
    replay("resp_request", resp_request::check);
}

#[test]
fn every_reply_of_the_corpus_is_decoded_alike_however_it_is_cut() {
    replay("resp_frame", resp_frame::check);
}
