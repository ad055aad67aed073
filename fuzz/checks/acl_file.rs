//! What must hold for any text of an ACL file: no panic, and what is accepted is written so that it says the same.

use acl::{Setting, Users};

use super::commands::catalogue;

/// Panics if the file misbehaves.
pub(crate) fn check(bytes: &[u8]) {
    let catalogue = catalogue();
    let setting = Setting { catalogue: &catalogue, all_channels: false };
    let Ok(users) = Users::from_file(bytes, "file", b"", setting) else { return };
    let written = users.to_file();
    let again = Users::from_file(&written, "file", b"", setting).expect("what was written can be read");
    assert_eq!(again, users, "{}", String::from_utf8_lossy(&written));
}
