//! What must hold for any bytes that claim to be the list of a backup: no panic, and one that is accepted is written as it was read.
//! Its last line is a SHA-256, which nothing would ever guess, so what stands before it is tried with the right one as well.

use backup::List;

/// Panics if the list misbehaves on `bytes`.
pub(crate) fn check(bytes: &[u8]) {
    check_as_it_is(bytes);
    let text = String::from_utf8_lossy(bytes);
    let lines = &text[..text.rfind("sha256 ").unwrap_or(text.len())];
    check_as_it_is(List::seal(lines.to_owned()).as_bytes());
}

fn check_as_it_is(bytes: &[u8]) {
    let Ok(list) = List::parse(bytes) else { return };
    assert_eq!(list.format().as_bytes(), bytes);
    assert!(!list.files.is_empty());
    for name in list.files.iter().map(|file| &file.name).chain([&list.set.0, &list.manifest_name()]) {
        assert!(!name.contains('/') && name != "..", "it leads out of the folder");
    }
}
