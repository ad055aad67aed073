//! Moving blocks out of sparse memory, and making those smaller that have become too large, so that the allocator can give
//! memory back to the system.
//!
//! An allocator carves slabs into places of one size. After many blocks have gone, slabs hold few that live, and each keeps its
//! slab from going. A sweep walks over everything, asks for each block whether its slab is sparse, and if so copies it: the
//! allocator puts the copy into a fuller slab. Only blocks that nobody else holds are moved, since a shared one would live
//! twice. What has 512 bytes or less is left where it is: threads keep freed places of such sizes for themselves and
//! would put the copy into the one just left; such blocks are a small part of any value. What is larger than 14 kB has
//! memory of its own.
//!
//! The page of a table keeps the memory of what was removed from it for what may come. Where that is much of the page the sweep
//! takes it back, whether memory is sparse or not.
//!
//! A sweep goes in steps, and what it walks over may change between them. So a cursor is a hint: whatever it says, a step is
//! right, and at worst some blocks are looked at twice or in the next round.

use std::convert::Infallible;

use triomphe::Arc;

/// The smallest block that is moved, in bytes.
const LEAST: usize = 513;
/// The largest one: the allocator's largest size that shares slabs, of jemalloc with pages of 4 kB.
const MOST: usize = 14 * 1024;
/// How many bytes can be copied while one more block is looked at, about.
const BYTES_A_LOOK: usize = 256;

/// One step of a sweep: how blocks are judged, how much the step may do, and what it has done.
pub struct Sweeper<'a> {
    is_sparse: &'a dyn Fn(*const u8) -> bool,
    /// What may still be done, in looks at a block.
    budget: usize,
    /// Blocks that were moved or made smaller.
    pub moved: usize,
    /// Blocks that were left where they are.
    pub left: usize,
}

/// How far a sweep over a table has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The page.
    pub(crate) page: usize,
    /// The place in and beside it.
    pub(crate) beside: Beside,
}

/// How far a sweep over a page and what lives beside it has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Beside {
    /// 0 is the page itself, and from 1 on come the places of its list.
    pub(crate) place: usize,
    /// The place in the object there, as the object counts.
    pub(crate) within: usize,
}

/// What holds blocks that can be moved.
pub trait Sweep {
    /// Goes on at `within`, which begins as 0, until all blocks have been looked at (`true`) or the step is over.
    fn sweep(&mut self, within: &mut usize, sweeper: &mut Sweeper<'_>) -> bool;
}

impl Sweep for Infallible {
    fn sweep(&mut self, _: &mut usize, _: &mut Sweeper<'_>) -> bool {
        true
    }
}

impl<'a> Sweeper<'a> {
    /// A step that looks at about so many blocks, or fewer if many of them are moved. `is_sparse` tells whether the memory around
    /// an address is worth to be emptied.
    pub fn new(is_sparse: &'a dyn Fn(*const u8) -> bool, budget: usize) -> Self {
        Self { is_sparse, budget, moved: 0, left: 0 }
    }

    /// Whether the step has done what it may.
    pub fn is_tired(&self) -> bool {
        self.budget == 0
    }

    /// Takes something into account that has no block of its own.
    pub(crate) fn pass(&mut self) {
        self.budget = self.budget.saturating_sub(1);
    }

    /// Moves a block, unless somebody else holds it or it lies well.
    pub(crate) fn renew<T: Copy>(&mut self, block: &mut Arc<[T]>) {
        if block.is_unique() && self.is_worth(block.as_ptr().cast(), size_of_val(&block[..])) {
            *block = Arc::from(&block[..]);
        }
    }

    /// The same for a block that is counted by the standard library.
    pub(crate) fn renew_packed(&mut self, block: &mut std::sync::Arc<[u8]>) {
        if std::sync::Arc::get_mut(block).is_some() && self.is_worth(block.as_ptr(), block.len()) {
            *block = std::sync::Arc::from(&block[..]);
        }
    }

    /// The same for a list, whose spare room goes.
    pub(crate) fn renew_list<T>(&mut self, list: &mut Vec<T>) {
        if self.is_worth(list.as_ptr().cast(), list.capacity() * size_of::<T>()) {
            let mut fresh = Vec::with_capacity(list.len());
            fresh.append(list);
            *list = fresh;
        }
    }

    /// Whether a block is to be moved, which is then taken as done.
    pub(crate) fn is_worth(&mut self, address: *const u8, bytes: usize) -> bool {
        self.pass();
        if !(LEAST..=MOST).contains(&bytes) {
            return false;
        }
        let is_worth = (self.is_sparse)(address);
        if is_worth {
            self.note_moved(bytes);
        } else {
            self.left += 1;
        }
        is_worth
    }

    /// Takes into account that a block of so many bytes, which was looked at, is written anew.
    pub(crate) fn note_moved(&mut self, bytes: usize) {
        self.moved += 1;
        self.budget = self.budget.saturating_sub(bytes / BYTES_A_LOOK);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use stdx::hash::HashKey;
    use stdx::time::UnixMs;

    use super::*;
    use crate::hash::FieldExpiry;
    use crate::stream::Id;
    use crate::{Blob, Hash, Set, Stream, Value, hash, list, set, stream, zset};

    fn block(length: usize) -> Arc<[u8]> {
        Arc::from(vec![7; length])
    }

    #[test]
    fn sole_blocks_in_sparse_memory_are_moved_and_keep_their_bytes() {
        let mut sweeper = Sweeper::new(&|_| true, 100);
        let mut sole = block(1000);
        let before = sole[..].as_ptr();
        sweeper.renew(&mut sole);
        assert_ne!(sole[..].as_ptr(), before);
        assert_eq!(*sole, [7; 1000]);

        let mut shared = block(1000);
        let other = shared.clone();
        sweeper.renew(&mut shared);
        assert!(Arc::ptr_eq(&shared, &other));
        assert_eq!((sweeper.moved, sweeper.left), (1, 0));
    }

    #[test]
    fn what_lies_well_or_is_of_no_slab_stays() {
        let mut sweeper = Sweeper::new(&|_| false, 100);
        let mut sole = block(1000);
        let before = sole[..].as_ptr();
        sweeper.renew(&mut sole);
        assert_eq!(sole[..].as_ptr(), before);

        let mut sweeper = Sweeper::new(&|_| true, 100);
        for length in [16, LEAST - 1, MOST + 1] {
            let mut other = block(length);
            let before = other[..].as_ptr();
            sweeper.renew(&mut other);
            assert_eq!(other[..].as_ptr(), before, "{length} bytes");
        }
        assert_eq!(sweeper.moved, 0);
    }

    /// Something large of every type.
    fn values() -> [Value; 6] {
        let seed = HashKey([1, 2]);
        let texts = || (0..5000u32).map(|number| format!("{number:0>20}").into_bytes());
        let mut scratch = Vec::new();
        let (mut hash, mut set) = (Hash::new(), Set::new());
        let settings = hash::Settings { max_packed_entries: 8, max_packed_value: 64, seed };
        hash.edit(&mut scratch, settings, UnixMs::MIN, |edit| {
            texts().for_each(|text| _ = edit.set(&text, &text.repeat(40), FieldExpiry::Clear));
        });
        set.edit(&mut scratch, set::Settings::of_redis(seed), |edit| {
            texts().for_each(|text| _ = edit.add(&text));
        });
        let (mut list, mut zset, mut stream) = (list::Builder::new(), zset::Builder::new(), Stream::new());
        for (text, number) in texts().zip(1u32..) {
            list.push(&text.repeat(4));
            zset.push(&text, f64::from(number));
            let id = Id { ms: number.into(), seq: 0 };
            stream.append(id, &[b"name", &text], stream::Settings::of_parameters(4096, 100));
        }
        let zset = zset.finish(zset::Settings::of_redis(seed)).expect("each member is there once");
        [
            Value::String(Blob::from_bytes(&vec![7; 1_000_000])),
            Value::Hash(hash),
            Value::List(list.finish(list::Settings::of_parameter(-2))),
            Value::Set(set),
            Value::ZSet(zset),
            Value::Stream(stream),
        ]
    }

    #[test]
    fn every_block_of_every_type_is_looked_at_once_in_a_round_of_small_steps() {
        for mut value in values() {
            let seen = RefCell::new(Vec::new());
            let look = |block: *const u8| {
                seen.borrow_mut().push(block.addr());
                false
            };
            let mut within = 0;
            while !value.sweep(&mut within, &mut Sweeper::new(&look, 5)) {}
            let mut seen = seen.into_inner();
            let looks = seen.len();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), looks, "no block twice");
            assert!(looks > 40, "{looks} blocks of {value:.20?}");
        }
    }

    #[test]
    fn nothing_of_a_value_is_moved_that_a_snapshot_holds() {
        for mut value in values() {
            let snapshot = value.clone();
            let mut sweeper = Sweeper::new(&|_| true, usize::MAX);
            assert!(value.sweep(&mut 0, &mut sweeper));
            assert_eq!(sweeper.moved, 0, "{value:.20?}");
            drop(snapshot);
            let mut sweeper = Sweeper::new(&|_| true, usize::MAX);
            assert!(value.sweep(&mut 0, &mut sweeper));
            assert!(sweeper.moved > 40 && sweeper.left == 0, "{value:.20?}");
        }
    }

    #[test]
    fn what_is_moved_counts_more_than_what_is_looked_at() {
        let blocks = |sweeper: &mut Sweeper<'_>| {
            let mut count = 0;
            while !sweeper.is_tired() {
                sweeper.renew(&mut block(2560));
                count += 1;
            }
            count
        };
        assert_eq!(blocks(&mut Sweeper::new(&|_| false, 110)), 110);
        assert_eq!(blocks(&mut Sweeper::new(&|_| true, 110)), 10);
    }
}
