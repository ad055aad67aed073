//! What the system says of a server's process: processor time and resident memory (Linux's /proc).

use std::fs;
use std::io;
use std::path::PathBuf;

/// A process on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process(pub u32);

impl Process {
    /// Nanoseconds that its threads have run so far. Threads that ended are counted by the coarser figure of
    /// the whole process, whichever is larger.
    pub fn cpu_ns(self) -> io::Result<u64> {
        let mut sum = 0;
        for task in fs::read_dir(self.folder().join("task"))? {
            let path = task?.path().join("schedstat");
            // A thread may end between the listing and the reading.
            let Ok(text) = fs::read_to_string(path) else { continue };
            sum += text.split_whitespace().next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(sum)
    }

    /// Resident bytes.
    pub fn resident_bytes(self) -> io::Result<u64> {
        let text = fs::read_to_string(self.folder().join("status"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes =
            line.and_then(|line| line.split_whitespace().next()).and_then(|word| word.parse::<u64>().ok());
        kilobytes.map(|kilobytes| kilobytes * 1024).ok_or_else(|| io::Error::other("no VmRSS in /proc"))
    }

    fn folder(self) -> PathBuf {
        PathBuf::from(format!("/proc/{}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_run_and_has_memory() {
        let own = Process(std::process::id());
        assert!(own.cpu_ns().expect("readable") > 0);
        assert!(own.resident_bytes().expect("readable") > 0);
    }
}
