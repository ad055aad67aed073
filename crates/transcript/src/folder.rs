//! The transcripts of the project.

use std::fs;
use std::path::Path;

use crate::document::Transcript;

/// Every file of `tests/transcripts` with its name, in the order of the names.
///
/// # Panics
/// If there is none or one is malformed: a judge without transcripts would agree with everything.
pub fn all() -> Vec<(String, Transcript)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/transcripts");
    let mut found: Vec<(String, Transcript)> = fs::read_dir(&folder)
        .expect("the transcripts are in the tree")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .map(|path| {
            let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
            let transcript = Transcript::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, transcript)
        })
        .collect();
    assert!(!found.is_empty(), "no transcript in {}", folder.display());
    found.sort_by(|(left, _), (right, _)| left.cmp(right));
    found
}
