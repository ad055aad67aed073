//! The two images of the double, and what each call does to them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use stdx::rng::Rng;

use super::{Call, Fault};
use crate::around;

/// What a system writes at once, unless the power goes in between.
const PAGE_BYTES: usize = 4096;
/// What a disk writes at once whatever happens.
const SECTOR_BYTES: usize = 512;
/// The number of the error that there is no room.
const NO_ROOM: i32 = 28;

/// A file without its name.
#[derive(Debug, Clone, Default)]
struct Node {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Pages, and whether the length, that the next sync makes durable.
    dirty: BTreeSet<usize>,
    is_resized: bool,
}

/// A change of names.
#[derive(Debug, Clone)]
enum Change {
    Folder(PathBuf),
    Link(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

/// What names lead to.
#[derive(Debug, Clone, Default)]
struct Names {
    folders: BTreeSet<PathBuf>,
    files: BTreeMap<PathBuf, usize>,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// It is done.
    Whole,
    /// Half of its bytes are.
    Short,
    /// None of its bytes are.
    Nothing,
    /// It is not done, and nobody is told.
    Lies,
    /// It fails, and nobody is told.
    Hushes,
    /// It is not done, and its pages are lost.
    Fails(i32),
    /// Whether it is done before the power goes is not known.
    Dies,
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Images {
    nodes: Vec<Node>,
    live: Names,
    durable: Names,
    changes: Vec<Change>,
    rng: Rng,
    pub(super) is_off: bool,
    pub(super) calls: usize,
    pub(super) plan: Option<(Range<usize>, Fault)>,
    pub(super) spoiled: Option<(Call, Fault)>,
    pub(super) hit: Option<Call>,
}

impl Default for Images {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            live: Names::default(),
            durable: Names::default(),
            changes: Vec::new(),
            rng: Rng::from_seed(0),
            is_off: false,
            calls: 0,
            plan: None,
            spoiled: None,
            hit: None,
        }
    }
}

/// The error of everything after a power cut.
pub(super) fn off() -> io::Error {
    io::Error::other("the power is off")
}

/// What goes wrong, and how.
impl Images {
    pub(super) fn begin(&mut self, folder: &Path, seed: u64) {
        self.live.folders.insert(folder.to_owned());
        self.durable.folders.insert(folder.to_owned());
        self.rng = Rng::from_seed(seed);
    }

    pub(super) fn copy(&self) -> Self {
        Self {
            nodes: self.nodes.clone(),
            live: self.live.clone(),
            durable: self.durable.clone(),
            changes: self.changes.clone(),
            rng: self.rng.clone(),
            ..Self::default()
        }
    }

    /// Counts a call and tells what becomes of it.
    pub(super) fn course(&mut self, call: Call) -> io::Result<Course> {
        if self.is_off {
            return Err(off());
        }
        let number = self.calls;
        self.calls += 1;
        let planned =
            self.plan.as_ref().filter(|(calls, _)| calls.contains(&number)).map(|(_, fault)| *fault);
        let spoiled = self.spoiled.filter(|(spoiled, _)| *spoiled == call).map(|(_, fault)| fault);
        let Some(fault) = planned.or(spoiled) else { return Ok(Course::Whole) };
        let course = match fault {
            Fault::Error(code) => Course::Fails(code),
            Fault::NoRoom if matches!(call, Call::Append | Call::Create) => Course::Fails(NO_ROOM),
            Fault::NoRoom => Course::Whole,
            Fault::Short => Course::Short,
            Fault::Nothing => Course::Nothing,
            Fault::Lie => Course::Lies,
            Fault::Hush => Course::Hushes,
            Fault::PowerCut => {
                self.is_off = true;
                Course::Dies
            }
        };
        if course != Course::Whole {
            self.hit.get_or_insert(call);
        }
        Ok(course)
    }

    /// Whether a call that is not about bytes is done.
    fn is_done(&mut self, course: Course) -> bool {
        match course {
            Course::Whole | Course::Short | Course::Nothing => true,
            Course::Lies | Course::Hushes | Course::Fails(_) => false,
            Course::Dies => self.rng.below(2) == 0,
        }
    }

    pub(super) fn cut_power(&mut self, rng: &mut Rng) {
        let mut names = std::mem::take(&mut self.durable);
        for change in std::mem::take(&mut self.changes) {
            if rng.below(2) == 0 {
                names.apply(&change);
            }
        }
        let Names { folders, files } = &mut names;
        files.retain(|path, _| folders.contains(around(path)));
        for node in &mut self.nodes {
            node.lose(rng);
            node.live.clone_from(&node.durable);
        }
        self.durable.clone_from(&names);
        *self = Self { live: names, ..self.copy() };
    }

    pub(super) fn flip(&mut self, path: &Path, bit: usize) {
        let node = self.find(path).expect("a test flips bits of files that are there");
        let node = &mut self.nodes[node];
        node.live[bit / 8] ^= 1 << (bit % 8);
        node.durable.clone_from(&node.live);
    }
}

/// The calls.
impl Images {
    pub(super) fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        if !self.is_folder(folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = self.live.files.keys().filter(|path| around(path) == folder);
        Ok(inside.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect())
    }

    pub(super) fn find(&self, path: &Path) -> Option<usize> {
        self.live.files.get(path).copied()
    }

    pub(super) fn node(&self, path: &Path) -> io::Result<usize> {
        self.find(path).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn is_folder(&self, path: &Path) -> bool {
        self.live.folders.contains(path)
    }

    pub(super) fn length(&self, node: usize) -> u64 {
        self.nodes[node].live.len() as u64
    }

    pub(super) fn create(&mut self, path: &Path, course: Course) -> io::Result<usize> {
        if !self.is_folder(around(path)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if let Some(node) = self.find(path) {
            self.truncate(node, 0, course);
            return Ok(node);
        }
        let node = self.nodes.len();
        self.nodes.push(Node::default());
        self.change(Change::Link(path.to_owned(), node), course);
        Ok(node)
    }

    pub(super) fn create_folder(&mut self, path: &Path, course: Course) -> io::Result<()> {
        if !self.is_folder(around(path)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.change(Change::Folder(path.to_owned()), course);
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path, course: Course) -> io::Result<()> {
        self.node(from)?;
        self.change(Change::Rename(from.to_owned(), to.to_owned()), course);
        Ok(())
    }

    pub(super) fn link(&mut self, from: &Path, to: &Path, course: Course) -> io::Result<()> {
        let node = self.node(from)?;
        if self.find(to).is_some() || self.is_folder(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !self.is_folder(around(to)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.change(Change::Link(to.to_owned(), node), course);
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path, course: Course) -> io::Result<()> {
        self.node(path)?;
        self.change(Change::Remove(path.to_owned()), course);
        Ok(())
    }

    fn change(&mut self, change: Change, course: Course) {
        if self.is_done(course) {
            self.live.apply(&change);
            self.changes.push(change);
        }
    }

    pub(super) fn read_at(&self, node: usize, offset: u64, into: &mut [u8], course: Course) -> usize {
        let live = &self.nodes[node].live;
        let bytes = live.get(offset as usize..).unwrap_or_default();
        let wanted = into.len().min(bytes.len());
        let count = if course == Course::Short { wanted.div_ceil(2) } else { wanted };
        into[..count].copy_from_slice(&bytes[..count]);
        count
    }

    pub(super) fn append(&mut self, node: usize, bytes: &[u8], course: Course) -> usize {
        let count = match course {
            Course::Whole => bytes.len(),
            Course::Short => bytes.len().div_ceil(2),
            Course::Fails(NO_ROOM) => bytes.len() / 2,
            Course::Dies => self.rng.below(bytes.len() as u64 + 1) as usize,
            Course::Nothing | Course::Fails(_) => 0,
            Course::Lies | Course::Hushes => return bytes.len(),
        };
        self.nodes[node].append(&bytes[..count]);
        count
    }

    pub(super) fn truncate(&mut self, node: usize, length: u64, course: Course) {
        if self.is_done(course) {
            self.nodes[node].truncate(length as usize);
        }
    }

    pub(super) fn sync(&mut self, node: usize, course: Course) {
        if matches!(course, Course::Fails(_) | Course::Hushes) {
            self.nodes[node].lose(&mut self.rng);
        } else if self.is_done(course) {
            self.nodes[node].sync();
        }
    }

    pub(super) fn sync_folder(&mut self, path: &Path, course: Course) -> io::Result<()> {
        if !self.is_folder(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if self.is_done(course) {
            let (synced, rest) =
                std::mem::take(&mut self.changes).into_iter().partition(|change| change.is_in(path));
            self.changes = rest;
            let synced: Vec<Change> = synced;
            synced.iter().for_each(|change| self.durable.apply(change));
        }
        Ok(())
    }
}

impl Node {
    fn append(&mut self, bytes: &[u8]) {
        let start = self.live.len();
        self.live.extend_from_slice(bytes);
        self.dirty.extend(start / PAGE_BYTES..self.live.len().div_ceil(PAGE_BYTES));
        self.is_resized |= !bytes.is_empty();
    }

    fn truncate(&mut self, length: usize) {
        self.live.truncate(length);
        self.dirty.retain(|page| page * PAGE_BYTES < length);
        self.is_resized = true;
    }

    fn sync(&mut self) {
        self.set_length(self.live.len());
        for page in std::mem::take(&mut self.dirty) {
            self.write_out(page, PAGE_BYTES);
        }
    }

    /// Whatever chance wants becomes durable, and the rest never will.
    fn lose(&mut self, rng: &mut Rng) {
        let (old, new) = (self.durable.len(), self.live.len());
        if self.is_resized {
            let between = old.min(new) + rng.below(old.abs_diff(new) as u64 + 1) as usize;
            self.set_length([old, new, between][rng.below(3) as usize]);
        }
        for page in std::mem::take(&mut self.dirty) {
            let sectors = (PAGE_BYTES / SECTOR_BYTES) as u64;
            let written = [0, sectors, rng.below(sectors)][rng.below(3) as usize];
            self.write_out(page, written as usize * SECTOR_BYTES);
        }
    }

    fn set_length(&mut self, length: usize) {
        self.durable.resize(length, 0);
        self.is_resized = false;
    }

    /// The first bytes of a page become durable.
    fn write_out(&mut self, page: usize, bytes: usize) {
        let start = page * PAGE_BYTES;
        let end = (start + bytes).min(self.live.len()).min(self.durable.len());
        if start < end {
            self.durable[start..end].copy_from_slice(&self.live[start..end]);
        }
    }
}

impl Change {
    fn is_in(&self, folder: &Path) -> bool {
        match self {
            Self::Folder(path) | Self::Link(path, _) | Self::Remove(path) => around(path) == folder,
            Self::Rename(from, to) => around(from) == folder || around(to) == folder,
        }
    }
}

impl Names {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Folder(path) => {
                self.folders.insert(path.clone());
            }
            Change::Link(path, node) => {
                self.files.insert(path.clone(), *node);
            }
            Change::Rename(from, to) => {
                if let Some(node) = self.files.remove(from) {
                    self.files.insert(to.clone(), node);
                }
            }
            Change::Remove(path) => {
                self.files.remove(path);
            }
        }
    }
}
