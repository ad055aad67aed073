//! Replays a fuzzing target's corpus: every input that was ever interesting stays a test.

use std::path::Path;

/// Inputs up to this length are also tried cut and damaged at every place.
const SHORT: usize = 300;

/// Runs `check` over every file of a target's corpus, and over all beginnings of the short ones and each of their bits
/// turned.
pub fn replay(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = std::fs::read_dir(&folder).expect("the corpus is in the tree");
    let mut replayed = 0;
    for file in files {
        let path = file.expect("a readable folder").path();
        let bytes = std::fs::read(&path).expect("a readable file");
        check(&bytes);
        replayed += 1;
        if bytes.len() <= SHORT {
            check_damaged(&bytes, &check);
        }
    }
    assert!(replayed > 0, "no corpus in {}", folder.display());
}

fn check_damaged(bytes: &[u8], check: impl Fn(&[u8])) {
    for end in 0..bytes.len() {
        check(&bytes[..end]);
    }
    for bit in 0..bytes.len() * 8 {
        let mut turned = bytes.to_vec();
        turned[bit / 8] ^= 1 << (bit % 8);
        check(&turned);
    }
}
