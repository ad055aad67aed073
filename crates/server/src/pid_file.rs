//! The file with the number of the process: `pidfile`. In the background there is one even if none was asked for.

use std::fs;
use std::path::{Path, PathBuf};

use config::{Config, Param};
use tracing::warn;

/// Where a server in the background leaves its number if it was told no other place, as redis-server does.
const IN_BACKGROUND: &str = "/var/run/redis.pid";

/// The file, while it is there.
pub struct PidFile(PathBuf);

impl PidFile {
    /// Writes the file if there is to be one. That it cannot be written is no reason not to serve.
    pub fn write(config: &Config, in_background: bool) -> Option<Self> {
        let named = config.text_lossy(Param::Pidfile);
        let path = match (named.is_empty(), in_background) {
            (false, _) => Path::new(&*named),
            (true, true) => Path::new(IN_BACKGROUND),
            (true, false) => return None,
        };
        match fs::write(path, content()) {
            Ok(()) => Some(Self(path.to_owned())),
            Err(error) => {
                warn!(
                    "the pidfile {} cannot be written: {error}; name another place with `pidfile`",
                    path.display()
                );
                None
            }
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Another server may have been told the same file; then it is that one's.
        if fs::read_to_string(&self.0).is_ok_and(|found| found == content()) {
            // Nothing is lost if it stays.
            let _ = fs::remove_file(&self.0);
        }
    }
}

fn content() -> String {
    format!("{}\n", std::process::id())
}
