//! Files beside the data (users, the configuration), and what is said of files when something fails.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Gives a file new content: a new file beside it takes its place, so that a crash leaves the old one or the new one.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), String> {
    let temporary = path.with_extension(format!("tmp-{}", std::process::id()));
    let write = || -> io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|error| {
        // It is of no use to anybody, and may not even be there.
        let _ = fs::remove_file(&temporary);
        at(path, &error)
    })
}

/// What the system says of an error, without the number that Rust puts behind it.
pub fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error ").next().unwrap_or(&text).to_owned()
}

/// An error with its file.
pub fn at(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
