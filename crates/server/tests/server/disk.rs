//! What tests of data files share: options, the figures of saving, and the files of a folder.

use std::collections::BTreeMap;
use std::path::Path;

use client::Client;
use rustix::process::{Resource, Rlimit, prlimit};

use crate::support::{Server, must, text};

/// Snapshots only, and those only when asked for.
pub(crate) const SNAPSHOTS: &[&str] = &["--appendonly", "no", "--save", "", "--enable-debug-command", "yes"];
/// Appending only; other parameters as Redis has them by itself, so that bases are RDB.
pub(crate) const APPENDING: &[&str] = &["--appendonly", "yes", "--save", "", "--enable-debug-command", "yes"];

/// A field of INFO persistence.
pub(crate) fn figure(client: &mut Client, name: &str) -> String {
    let info = text(&must(client, "INFO persistence"));
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("INFO has no {name}:\n{info}")).to_owned()
}

/// Waits until a field of INFO persistence has a value.
pub(crate) fn wait_for(client: &mut Client, name: &str, value: &str) {
    while figure(client, name) != value {}
}

/// Rewrites the append-only file and waits until the new one is in use.
pub(crate) fn rewrite(client: &mut Client) {
    must(client, "BGREWRITEAOF");
    wait_for(client, "aof_rewrite_in_progress", "0");
}

/// The files of a folder with their contents, without those that are there to be locked.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("it can be read on").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_none_or(|ending| ending != "lock") {
            found.insert(path.display().to_string(), std::fs::read(&path).expect("the file can be read"));
        }
    }
    found
}

/// Lets no file of the server grow beyond so many bytes, as if the disk were full; none: there is room again.
pub(crate) fn limit_files(server: &Server, bytes: Option<u64>) {
    prlimit(Some(server.process()), Resource::Fsize, Rlimit { current: bytes, maximum: None })
        .expect("the limit can be set");
}
