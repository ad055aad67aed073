//! Data files that are held open for those who copy them.
//!
//! An open file keeps its bytes when a rewrite deletes its name, so nobody who copies is in anybody's way, and what is read does not
//! change: of each file only so much is given as was on disk when it was opened. Whoever does not come back is
//! forgotten, for what he holds takes room on the disk.

use std::collections::BTreeMap;

use disk::DiskFile;
use parking_lot::Mutex;

const SECOND_NS: u64 = 1_000_000_000;
/// Who does not read for so long has gone.
const MAX_PAUSE_NS: u64 = 300 * SECOND_NS;
/// Copies at a time.
const MAX_COPIES: usize = 16;

/// What is said when the files are not held (any more).
pub const UNKNOWN: &str = "no files are held open for this token: OPEN again";

/// See the module's text.
#[derive(Debug, Default)]
pub struct Copies(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    copies: BTreeMap<u64, Copy>,
}

/// The files that one holds.
#[derive(Debug)]
pub struct Copy {
    /// In their order.
    pub files: Vec<OpenFile>,
    /// For whom history is kept, if it is, and the number of the increment that is being written.
    pub kept_for: Option<(String, u64)>,
    /// When he has read last.
    pub used_ns: u64,
}

/// A file, and how much of it is given.
#[derive(Debug, Clone)]
pub struct OpenFile {
    /// The file.
    pub file: DiskFile,
    /// Bytes of it.
    pub length: u64,
}

impl Copies {
    /// Whether one more may hold files.
    pub fn have_room(&self) -> bool {
        self.0.lock().copies.len() < MAX_COPIES
    }

    /// Holds files; the token is one that nobody can guess.
    pub fn hold(&self, token: u64, copy: Copy) {
        self.0.lock().copies.insert(token, copy);
    }

    /// A file that is held.
    pub fn file(&self, token: u64, file: usize, now_ns: u64) -> Option<OpenFile> {
        let mut state = self.0.lock();
        let copy = state.copies.get_mut(&token)?;
        copy.used_ns = now_ns;
        copy.files.get(file).cloned()
    }

    /// Lets files go.
    pub fn release(&self, token: u64) -> Option<Copy> {
        self.0.lock().copies.remove(&token)
    }

    /// Lets files go whose reader has gone.
    pub fn forget_idle(&self, now_ns: u64) {
        self.0.lock().copies.retain(|_, copy| now_ns.saturating_sub(copy.used_ns) < MAX_PAUSE_NS);
    }
}

impl OpenFile {
    /// A part of it, shorter if it ends before.
    pub fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, String> {
        let wanted = self.length.saturating_sub(offset).min(length as u64) as usize;
        let mut bytes = vec![0; wanted];
        let mut done = 0;
        while done < wanted {
            let count = self.file.read_at(offset + done as u64, &mut bytes[done..]).map_err(|error| {
                format!("byte {} cannot be read: {}", offset + done as u64, crate::storage::cause(&error))
            })?;
            if count == 0 {
                return Err("the file has become shorter".to_owned());
            }
            done += count;
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_held_until_they_are_released_or_nobody_reads_them() {
        let copies = Copies::default();
        let copy = |used_ns| Copy { files: Vec::new(), kept_for: None, used_ns };
        for token in 0..MAX_COPIES as u64 {
            assert!(copies.have_room());
            copies.hold(token, copy(token * SECOND_NS));
        }
        assert!(!copies.have_room());
        assert!(copies.file(0, 0, MAX_PAUSE_NS).is_none(), "there is no such file, but somebody has looked");
        copies.forget_idle(MAX_PAUSE_NS + SECOND_NS);
        assert!(copies.release(0).is_some());
        assert!(copies.release(1).is_none());
        assert!(copies.release(2).is_some());
        assert!(copies.release(2).is_none());
    }
}
