//! Replays the fuzzing corpus: every input that was ever interesting stays a test.

#[path = "../../../fuzz/checks/corpus.rs"]
mod corpus;
#[path = "../../../fuzz/checks/resp_frame.rs"]
mod resp_frame;
#[path = "../../../fuzz/checks/resp_request.rs"]
mod resp_request;

use corpus::replay;

#[test]
fn every_request_of_the_corpus_is_decoded_alike_however_it_is_cut() {
    replay("resp_request", resp_request::check);
}

#[test]
fn every_reply_of_the_corpus_is_decoded_alike_however_it_is_cut() {
    replay("resp_frame", resp_frame::check);
}
