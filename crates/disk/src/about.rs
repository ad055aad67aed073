//! An error of the file system as it is told: it does not say itself which file it is about.

use std::io;
use std::path::Path;

/// Puts the path before an error.
pub fn about(path: &Path) -> impl Fn(io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}
