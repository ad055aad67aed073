//! What must hold for any text of a manifest: no panic, and one that is accepted is written so that it says the same.

use persist::aof::Manifest;

/// Panics if the manifest misbehaves on `bytes`.
pub(crate) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(manifest) = Manifest::parse(&text) else { return };
    let written = manifest.format();
    // Escapes take room, so a name near the limit of a line may not fit any more.
    if manifest.entries.is_empty() || written.lines().any(|line| line.len() >= 1024) {
        return;
    }
    assert_eq!(Manifest::parse(&written).expect("its own text").format(), written);
}
