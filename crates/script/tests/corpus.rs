//! Replays the fuzzing corpus: every input that was ever interesting stays a test.

#[path = "../../../fuzz/checks/cjson.rs"]
mod cjson;
#[path = "../../../fuzz/checks/cmsgpack.rs"]
mod cmsgpack;
#[path = "../../../fuzz/checks/corpus.rs"]
mod corpus;
#[path = "../../../fuzz/checks/layout.rs"]
mod layout;
#[path = "../../../fuzz/checks/lua.rs"]
mod lua;
#[path = "../../../fuzz/checks/script_reply.rs"]
mod script_reply;
#[path = "../../../fuzz/checks/script_text.rs"]
mod script_text;

use corpus::replay;

#[test]
fn every_json_of_the_corpus_is_refused_or_comes_back() {
    replay("cjson", cjson::check);
}

#[test]
fn every_message_pack_of_the_corpus_is_refused_or_comes_back() {
    replay("cmsgpack", cmsgpack::check);
}

#[test]
fn every_layout_of_the_corpus_is_refused_or_keeps_its_size() {
    replay("struct", layout::check);
}

#[test]
fn every_reply_of_the_corpus_becomes_some_value() {
    replay("script_reply", script_reply::check);
}

#[test]
fn every_script_of_the_corpus_ends_and_leaves_nothing_behind() {
    replay("script_text", script_text::check);
}
