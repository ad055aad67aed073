//! What must hold for any text of a manifest: no panic, and one that is accepted is written so that it says the same.
//!
//! Behind a zero byte the manifest may stand as it is found when this one was noted in its file of checksums: with one bit changed it is
//! refused, or says the same.

use persist::aof::{Checked, Checksums, Manifest};

/// Panics if the manifest misbehaves on `bytes`.
pub(crate) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (noted, found) = text.split_once('\0').unwrap_or((&text, &text));
    let Ok(manifest) = Manifest::parse(noted) else { return };
    let written = manifest.format();
    // Escapes take room, so a name near the limit of a line may not fit any more.
    if manifest.entries.is_empty() || written.lines().any(|line| line.len() >= 1000) {
        return;
    }
    assert_eq!(Manifest::parse(&written).expect("its own text").format(), written);
    let checked = manifest.format_checked();
    assert_eq!(Manifest::parse_checked(&checked).expect("its own text").format_checked(), checked);
    check_beside(&Checksums { manifest, before: None }, &written, found);
}

fn check_beside(noted: &Checksums, written: &str, found: &str) {
    let text = noted.format();
    let checksums = Checksums::parse(&text).expect("its own text");
    assert_eq!(checksums.format(), text);
    assert!(checksums.check(written).is_ok_and(|checked| checked.is_some_and(|checked| checked.is_noted)));
    let differing = |(a, b): (u8, u8)| (a ^ b).count_ones();
    let bits: u32 = written.bytes().zip(found.bytes()).map(differing).sum();
    if bits == 1 && written.len() == found.len() {
        // Words may be written in capitals.
        let is_same = |checked: Checked| checked.manifest == checksums.manifest;
        assert!(checksums.check(found).ok().flatten().is_none_or(is_same), "one bit has changed");
    }
}
