//! A file system in memory with two images: the live one, and what a power cut is sure to leave.
//!
//! Names and contents become durable on their own, as on real disks: of the pages of a file that were written and not synced each
//! may be there, missing or torn between two sectors, whatever became of the others; so may the file's length; and of the changes
//! of names since the last sync of the folder any may be lost.

use std::collections::BTreeMap;
use std::io;

use stdx::rng::Rng;

use super::storage::Storage;

/// What a system writes at once, unless the power goes in between.
const PAGE_BYTES: usize = 4096;
/// What a disk writes at once whatever happens.
const SECTOR_BYTES: usize = 512;

/// A file without its name.
#[derive(Debug, Clone, Default)]
struct Node {
    live: Vec<u8>,
    durable: Vec<u8>,
}

/// A change of names.
#[derive(Debug, Clone)]
enum Change {
    Link(String, usize),
    Rename(String, String),
    Remove(String),
}

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Double {
    nodes: Vec<Node>,
    live: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    changes: Vec<Change>,
    /// Files beside the folder.
    pub(crate) outside: BTreeMap<String, Vec<u8>>,
    /// Operations that still succeed; none: all.
    pub(crate) fuel: Option<usize>,
}

impl Double {
    /// An empty folder on which so many operations succeed.
    pub(crate) fn with_fuel(fuel: usize) -> Self {
        Self { fuel: Some(fuel), ..Self::default() }
    }

    /// Power comes back: what is left is the new live image.
    pub(crate) fn cut_power(&mut self, rng: &mut Rng) {
        let mut names = std::mem::take(&mut self.durable);
        for change in std::mem::take(&mut self.changes) {
            if rng.below(2) == 0 {
                apply(&mut names, &change);
            }
        }
        for node in &mut self.nodes {
            node.live = left_of(node, rng);
            node.durable.clone_from(&node.live);
        }
        self.durable.clone_from(&names);
        self.live = names;
        self.fuel = None;
    }

    /// Adds to a file.
    pub(crate) fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.burn()?;
        let node = self.node(name)?;
        self.nodes[node].live.extend_from_slice(bytes);
        Ok(())
    }

    fn burn(&mut self) -> io::Result<()> {
        match &mut self.fuel {
            Some(0) => Err(io::Error::other("out of fuel")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn node(&self, name: &str) -> io::Result<usize> {
        self.live.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.live, &change);
        self.changes.push(change);
    }
}

/// What a power cut leaves of a file.
fn left_of(node: &Node, rng: &mut Rng) -> Vec<u8> {
    let (old, new) = (node.durable.len(), node.live.len());
    let between = old.min(new) + rng.below(old.abs_diff(new) as u64 + 1) as usize;
    let length = [old, new, between][rng.below(3) as usize];
    let mut left = node.durable.clone();
    left.resize(length, 0);
    for start in (0..length).step_by(PAGE_BYTES) {
        let sectors = PAGE_BYTES / SECTOR_BYTES;
        let written = [0, sectors, rng.below(sectors as u64) as usize][rng.below(3) as usize];
        let end = (start + written * SECTOR_BYTES).min(length).min(new);
        if start < end {
            left[start..end].copy_from_slice(&node.live[start..end]);
        }
    }
    left
}

fn apply(names: &mut BTreeMap<String, usize>, change: &Change) {
    match change {
        Change::Link(name, node) => {
            names.insert(name.clone(), *node);
        }
        Change::Rename(from, to) => {
            if let Some(node) = names.remove(from) {
                names.insert(to.clone(), node);
            }
        }
        Change::Remove(name) => {
            names.remove(name);
        }
    }
}

impl Storage for Double {
    fn list(&mut self) -> io::Result<Vec<String>> {
        Ok(self.live.keys().cloned().collect())
    }

    fn length(&mut self, name: &str) -> io::Result<Option<u64>> {
        Ok(self.live.get(name).map(|&node| self.nodes[node].live.len() as u64))
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        self.node(name).map(|node| self.nodes[node].live.clone())
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.burn()?;
        let node = self.nodes.len();
        self.nodes.push(Node { live: bytes.to_vec(), durable: Vec::new() });
        self.change(Change::Link(name.to_owned(), node));
        Ok(())
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        self.burn()?;
        let node = self.node(name)?;
        self.nodes[node].live.truncate(length as usize);
        Ok(())
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.burn()?;
        let node = self.node(name)?;
        let node = &mut self.nodes[node];
        node.durable.clone_from(&node.live);
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.burn()?;
        self.node(from)?;
        self.change(Change::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.burn()?;
        self.change(Change::Remove(name.to_owned()));
        Ok(())
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.burn()?;
        self.durable.clone_from(&self.live);
        self.changes.clear();
        Ok(())
    }

    fn exists_outside(&mut self, name: &str) -> io::Result<bool> {
        Ok(self.outside.contains_key(name))
    }

    fn move_inside(&mut self, name: &str) -> io::Result<()> {
        self.burn()?;
        let bytes = self.outside.remove(name).ok_or(io::ErrorKind::NotFound)?;
        let node = self.nodes.len();
        self.nodes.push(Node { live: bytes.clone(), durable: bytes });
        self.live.insert(name.to_owned(), node);
        self.durable.insert(name.to_owned(), node);
        Ok(())
    }
}
