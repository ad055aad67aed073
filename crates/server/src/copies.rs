//! Data files that are held open for those who copy them.
//!
//! An open file keeps its bytes when a rewrite deletes its name, so nobody who copies is in anybody's way, and what is read does not
//! change: of each file only so much is given as was on disk when it was opened. Whoever does not come back, or closes the connection that
//! he has opened them on, is forgotten, for what he holds takes room on the disk. Files that are let go are given to the caller: to
//! close one may take long, if it was deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use disk::DiskFile;
use parking_lot::Mutex;

const SECOND_NS: u64 = 1_000_000_000;
/// Who does not read for so long has gone.
const MAX_PAUSE_NS: u64 = 300 * SECOND_NS;
/// Copies at a time.
const MAX_COPIES: usize = 16;
/// Files that all of them hold, unless there is but one.
const MAX_FILES: usize = 512;

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
    /// For whom history is kept, if it is.
    pub kept_for: Option<KeptFor>,
    /// The number of the client who has opened them.
    pub client: u64,
    /// When he has read last.
    pub used_ns: u64,
}

/// Somebody who will come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFor {
    /// Who it is.
    pub name: String,
    /// The number of the increment that was being written.
    pub from: u64,
    /// For how long it is kept when he is done.
    pub seconds: u64,
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
    /// Whether one more may hold so many files.
    pub fn have_room_for(&self, files: usize) -> bool {
        let state = self.0.lock();
        let held: usize = state.copies.values().map(|copy| copy.files.len()).sum();
        state.copies.is_empty() || state.copies.len() < MAX_COPIES && held + files <= MAX_FILES
    }

    /// How many hold files.
    pub fn count(&self) -> usize {
        self.0.lock().copies.len()
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
    pub fn forget(&self, now_ns: u64, is_there: impl Fn(u64) -> bool) -> Vec<Copy> {
        let has_gone =
            |copy: &Copy| now_ns.saturating_sub(copy.used_ns) >= MAX_PAUSE_NS || !is_there(copy.client);
        let mut state = self.0.lock();
        state.copies.extract_if(.., |_, copy| has_gone(copy)).map(|(_, copy)| copy).collect()
    }
}

impl OpenFile {
    /// A part of it, shorter if it ends before.
    pub fn read(&self, offset: u64, length: usize) -> Result<Arc<[u8]>, String> {
        let wanted = self.length.saturating_sub(offset).min(length as u64) as usize;
        let mut shared: Arc<[u8]> = std::iter::repeat_n(0, wanted).collect();
        let bytes = Arc::get_mut(&mut shared).expect("nobody else has it yet");
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
        Ok(shared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_held_until_they_are_released_or_nobody_reads_them() {
        let copies = Copies::default();
        let copy = |used_ns| Copy { files: Vec::new(), kept_for: None, client: 1, used_ns };
        for token in 0..MAX_COPIES as u64 {
            assert!(copies.have_room_for(1));
            copies.hold(token, copy(token * SECOND_NS));
        }
        assert!(!copies.have_room_for(1));
        assert!(copies.file(0, 0, MAX_PAUSE_NS).is_none(), "there is no such file, but somebody has looked");
        assert_eq!(copies.forget(MAX_PAUSE_NS + SECOND_NS, |_| true).len(), 1);
        assert!(copies.release(0).is_some());
        assert!(copies.release(1).is_none());
        assert!(copies.release(2).is_some());
        assert!(copies.release(2).is_none());
    }

    #[test]
    fn files_go_with_the_connection_that_has_opened_them() {
        let copies = Copies::default();
        for client in 0..4 {
            copies.hold(client, Copy { files: Vec::new(), kept_for: None, client: client % 2, used_ns: 0 });
        }
        assert_eq!(copies.forget(0, |client| client == 1).len(), 2);
        assert_eq!(
            (copies.release(0).is_some(), copies.release(1).is_some(), copies.count()),
            (false, true, 1)
        );
    }

    #[test]
    fn files_that_are_held_are_bounded_together() {
        let double = disk::Double::new(std::path::Path::new("/data"), 1);
        let disk = disk::Disk::new(Arc::new(double));
        let path = std::path::Path::new("/data/file");
        disk.write(path, b"abc").expect("nothing fails");
        let file = OpenFile { file: disk.open(path).expect("it is there"), length: 3 };
        let copies = Copies::default();
        assert!(copies.have_room_for(10 * MAX_FILES), "one may always go on");
        let files = vec![file.clone(); MAX_FILES - 10];
        copies.hold(1, Copy { files, kept_for: None, client: 1, used_ns: 0 });
        assert!(copies.have_room_for(10) && !copies.have_room_for(11));
        assert_eq!(file.read(1, 9).as_deref(), Ok(&b"bc"[..]));
    }
}
