//! A bar that tells how much is done, where somebody can see it.

use indicatif::{ProgressBar, ProgressStyle};

use crate::options::Options;

/// A bar of so many bytes; none if the output is no terminal.
pub(super) fn bar(options: &Options, what: &str, bytes: u64) -> ProgressBar {
    if !options.terminal {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(bytes).with_style(style).with_message(what.to_owned())
}
