//! The channels on which an event is published, and with what message.
//!
//! | class | channel | message |
//! |---|---|---|
//! | `K` | `__keyspace@0__:<key>` | `<event>` |
//! | `E` | `__keyevent@0__:<event>` | `<key>` |
//! | `S` | `__subkeyspace@0__:<key>` | `<event>\|<subkeys>` |
//! | `T` | `__subkeyevent@0__:<event>` | `<length of key>:<key>\|<subkeys>` |
//! | `I` | `__subkeyspaceitem@0__:<key>\n<subkey>` | `<event>` |
//! | `V` | `__subkeyspaceevent@0__:<event>\|<key>` | `<subkeys>` |
//!
//! Subkeys have their length before them, `5:field,1:g`. A newline ends a key on the channel of a subkey, so a key with one in
//! it has none. An event without subkeys is told on the first two only.

use config::KeyspaceEvents as Class;
use keyspace::Event;

/// Calls `each` with every channel of an event that is configured, and its message. `buffer` is for the names of channels.
pub(super) fn for_each(
    event: &Event,
    name: &[u8],
    classes: Class,
    buffer: &mut Vec<u8>,
    mut each: impl FnMut(&[u8], &[u8]),
) {
    let key = &*event.key;
    let mut on = |class: Class, kind: &str, subject: &[&[u8]], message: &[&[u8]]| {
        if classes.contains(class) {
            buffer.clear();
            buffer.extend_from_slice(format!("__{kind}@{}__:", event.database.0).as_bytes());
            subject.iter().for_each(|part| buffer.extend_from_slice(part));
            match message {
                [whole] => each(buffer, whole),
                parts => each(buffer, &parts.concat()),
            }
        }
    };
    on(Class::KEYSPACE, "keyspace", &[key], &[name]);
    on(Class::KEYEVENT, "keyevent", &[name], &[key]);
    if event.subkeys.is_empty() {
        return;
    }
    let subkeys = event.subkeys.text();
    let length = key.len().to_string();
    on(Class::SUBKEYSPACE, "subkeyspace", &[key], &[name, b"|", subkeys]);
    on(Class::SUBKEYEVENT, "subkeyevent", &[name], &[length.as_bytes(), b":", key, b"|", subkeys]);
    if !key.contains(&b'\n') {
        for subkey in event.subkeys.iter() {
            on(Class::SUBKEYSPACEITEM, "subkeyspaceitem", &[key, b"\n", subkey], &[name]);
        }
    }
    on(Class::SUBKEYSPACEEVENT, "subkeyspaceevent", &[name, b"|", key], &[subkeys]);
}
