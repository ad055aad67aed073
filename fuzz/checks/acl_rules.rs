//! What must hold for any rules: no panic, a change as a whole or not at all, and a description that, read back, makes the
//! same user.

use acl::{Setting, Users};

use super::commands::catalogue;

/// Panics if the rules in `bytes`, one a line, misbehave.
pub(crate) fn check(bytes: &[u8]) {
    let catalogue = catalogue();
    for all_channels in [false, true] {
        let setting = Setting { catalogue: &catalogue, all_channels };
        let mut users = Users::new(setting);
        let words: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
        // A few at a time: what one request refuses must leave what those before it did.
        for words in words.chunks(3) {
            let before = users.clone();
            match users.change(b"user", words, setting) {
                Ok((user, _)) => assert_eq!(users.get(b"user"), Some(&user)),
                Err(_) => assert_eq!(users, before),
            }
        }
        let Some(user) = users.get(b"user") else { continue };
        let file = users.to_file();
        let read = Users::from_file(&file, "file", b"", setting).expect("what was written can be read");
        assert_eq!(read.get(b"user"), Some(user), "{}", String::from_utf8_lossy(&file));
    }
}
