//! A file system in memory with two images, the live one and what a power cut is sure to leave, in which every call may fail.
//!
//! Names and contents become durable on their own, as on real disks. Of the pages of a file that were written and not synced each
//! may be there after a power cut, missing, or torn between two sectors, whatever became of the others; so may the file's length;
//! and of the changes of names since the last sync of their folder any may be lost. When a sync fails, the pages that it was to
//! write are forgotten: later syncs say that all is well, as Linux does.
//!
//! What goes wrong is planned by the number of the call, so that a test can let it go wrong everywhere; the same seed gives the same
//! disaster again.

mod images;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};
use stdx::rng::Rng;

use crate::system::{Lock, System, SystemFile};
use images::{Course, Images};

/// What is asked of the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// Names, lengths and contents.
    Look,
    /// A file is opened.
    Open,
    /// A file or folder is made.
    Create,
    /// Bytes are added.
    Append,
    /// An end is cut off.
    Truncate,
    /// A name changes.
    Rename,
    /// A file gets a second name.
    Link,
    /// A file is removed.
    Remove,
    /// Contents become durable.
    Sync,
    /// Names become durable.
    SyncFolder,
    /// Others are kept off, once locks do that.
    Lock,
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// With this error number.
    Error(i32),
    /// There is no room: what takes some fails, after half of the bytes.
    NoRoom,
    /// Half of the bytes are taken or given, if it is about bytes.
    Short,
    /// No byte is taken, and that is no error.
    Nothing,
    /// It says that it is done, and has done nothing.
    Lie,
    /// It says that it is done, but has failed; a sync has lost its pages.
    Hush,
    /// The power is cut while it is done.
    PowerCut,
}

/// Sees every call before it is done.
type Watch = Arc<dyn Fn(Call) + Send + Sync>;

#[derive(Default)]
struct Inner {
    images: Mutex<Images>,
    watch: RwLock<Option<Watch>>,
    locks: Mutex<Option<Locks>>,
}

/// Who has which path, and whether he shares it.
type Locks = HashMap<PathBuf, (Weak<()>, bool)>;

/// See the module's text. Clones are the same file system.
#[derive(Clone, Default)]
pub struct Double(Arc<Inner>);

impl fmt::Debug for Double {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Double({} calls)", self.calls())
    }
}

/// Interface of tests.
impl Double {
    /// An empty file system with one folder; the seed decides about what chance decides.
    pub fn new(folder: &Path, seed: u64) -> Self {
        let double = Self::default();
        double.0.images.lock().begin(folder, seed);
        double
    }

    /// Another file system that looks like this one, with all that is not durable. Nothing goes wrong in it yet.
    #[must_use]
    pub fn copy(&self) -> Self {
        let images = self.0.images.lock().copy();
        Self(Arc::new(Inner { images: Mutex::new(images), ..Inner::default() }))
    }

    /// Locks keep others off from now on, as if each came from another process. Before there are none, for what is left of a
    /// simulated process that ended keeps its own.
    pub fn begin_locking(&self) {
        *self.0.locks.lock() = Some(Locks::new());
    }

    /// The calls with these numbers go wrong.
    pub fn plan(&self, calls: std::ops::Range<usize>, fault: Fault) {
        self.0.images.lock().plan = Some((calls, fault));
    }

    /// All calls of a kind go wrong.
    pub fn spoil(&self, call: Call, fault: Fault) {
        self.0.images.lock().spoiled = Some((call, fault));
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        let mut images = self.0.images.lock();
        (images.plan, images.spoiled) = (None, None);
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.0.images.lock().calls
    }

    /// The first call that went wrong.
    pub fn hit(&self) -> Option<Call> {
        self.0.images.lock().hit
    }

    /// Whether the power is off.
    pub fn is_off(&self) -> bool {
        self.0.images.lock().is_off
    }

    /// The power is cut, if it is not off yet, and comes back: what is left is the new live image. Nothing goes wrong in it yet.
    pub fn cut_power(&self, rng: &mut Rng) {
        self.0.images.lock().cut_power(rng);
    }

    /// Has every call seen before it is done.
    pub fn watch(&self, watch: impl Fn(Call) + Send + Sync + 'static) {
        *self.0.watch.write() = Some(Arc::new(watch));
    }

    /// Changes one bit of a file, on disk.
    pub fn flip(&self, path: &Path, bit: usize) {
        self.0.images.lock().flip(path, bit);
    }

    /// A call is made: `act` does it as the course says that was planned for it.
    fn call<T>(&self, call: Call, act: impl FnOnce(&mut Images, Course) -> io::Result<T>) -> io::Result<T> {
        // Whoever watches may make calls, too.
        let watch = self.0.watch.read().clone();
        if let Some(watch) = watch {
            watch(call);
        }
        let mut images = self.0.images.lock();
        let course = images.course(call)?;
        match course {
            Course::Fails(code) => {
                let error = io::Error::from_raw_os_error(code);
                if error.kind() != io::ErrorKind::Interrupted {
                    // What it does while it fails.
                    let _ = act(&mut images, course);
                }
                Err(error)
            }
            Course::Dies => {
                let _ = act(&mut images, course);
                Err(images::off())
            }
            _ => act(&mut images, course),
        }
    }

    fn file(&self, node: usize) -> Arc<dyn SystemFile> {
        Arc::new(DoubleFile { double: self.clone(), node })
    }
}

/// An open file.
#[derive(Debug)]
struct DoubleFile {
    double: Double,
    node: usize,
}

impl Double {
    fn take_lock(&self, path: &Path, is_shared: bool) -> io::Result<Option<Lock>> {
        if self.0.locks.lock().is_none() {
            return Ok(None);
        }
        self.call(Call::Lock, |_, _| Ok(()))?;
        let mut locks = self.0.locks.lock();
        let Some(locks) = &mut *locks else { return Ok(None) };
        let taken = locks.get(path).and_then(|(lock, shares)| Some((lock.upgrade()?, *shares)));
        let lock = match taken {
            None => Arc::new(()),
            Some((lock, true)) if is_shared => lock,
            Some(_) => return Err(io::ErrorKind::WouldBlock.into()),
        };
        locks.insert(path.to_owned(), (Arc::downgrade(&lock), is_shared));
        Ok(Some(Lock(Box::new(lock))))
    }
}

impl System for Double {
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.call(Call::Look, |images, _| images.list(folder))
    }

    fn length(&self, path: &Path) -> io::Result<Option<u64>> {
        self.call(Call::Look, |images, _| Ok(images.find(path).map(|node| images.length(node))))
    }

    fn is_folder(&self, path: &Path) -> io::Result<bool> {
        self.call(Call::Look, |images, _| Ok(images.is_folder(path)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn SystemFile>> {
        self.call(Call::Open, |images, _| images.node(path)).map(|node| self.file(node))
    }

    fn open_to_append(&self, path: &Path) -> io::Result<Arc<dyn SystemFile>> {
        self.open(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn SystemFile>> {
        self.call(Call::Create, |images, course| images.create(path, course)).map(|node| self.file(node))
    }

    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn SystemFile>> {
        self.call(Call::Create, |images, course| {
            if images.find(path).is_some() || images.is_folder(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            images.create(path, course)
        })
        .map(|node| self.file(node))
    }

    /// Nobody owns what is in memory.
    fn take_after(&self, path: &Path, model: &Path) -> io::Result<()> {
        self.call(Call::Look, |images, _| images.node(model).and_then(|_| images.node(path)).map(drop))
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.call(Call::Create, |images, course| images.create_folder(path, course))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(Call::Rename, |images, course| images.rename(from, to, course))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(Call::Link, |images, course| images.link(from, to, course))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(Call::Remove, |images, course| images.remove(path, course))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        self.take_lock(path, false)
    }

    fn share(&self, path: &Path) -> io::Result<Option<Lock>> {
        self.take_lock(path, true)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.call(Call::SyncFolder, |images, course| images.sync_folder(path, course))
    }
}

impl SystemFile for DoubleFile {
    fn length(&self) -> io::Result<u64> {
        self.double.call(Call::Look, |images, _| Ok(images.length(self.node)))
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.double.call(Call::Look, |images, course| Ok(images.read_at(self.node, offset, into, course)))
    }

    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        self.double.call(Call::Append, |images, course| Ok(images.append(self.node, bytes, course)))
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.double.call(Call::Truncate, |images, course| {
            images.truncate(self.node, length, course);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.double.call(Call::Sync, |images, course| {
            images.sync(self.node, course);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
