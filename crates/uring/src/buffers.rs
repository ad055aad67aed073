//! Buffers for what comes: the kernel takes one when it has bytes for it, and gets it back when they have been read.
//!
//! ```text
//!   entries (shared with the kernel): │ address, length, number │ ..  ◄─ tail, moved on by us
//!   memory:                           │ buffer 0 │ buffer 1 │ ..
//! ```
#![allow(unsafe_code, reason = "the kernel shares this memory")]

use std::ffi::c_void;
use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// How many buffers there are: a power of two. Those who find none are told and ask again.
pub(crate) const COUNT: u16 = 256;
/// Bytes of a buffer: more than most requests, and pipelines of them, have. Memory is only taken by what is used of it.
pub(crate) const SIZE: usize = 8 * 1024;
/// The number by which requests name the group of these buffers.
pub(crate) const GROUP: u16 = 0;

/// Bytes that have come, in a buffer that is to be given back ([`crate::Ring::give_back`]).
#[derive(Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Whose buffer it is: another ring's may be in the hands of the kernel.
    owner: u64,
    number: u16,
    begin: u16,
    end: u16,
}

impl Chunk {
    /// How many bytes are left of it.
    pub fn len(&self) -> usize {
        usize::from(self.end - self.begin)
    }

    /// Whether nothing is left of it.
    pub fn is_empty(&self) -> bool {
        self.begin == self.end
    }

    /// The first `count` bytes of it are not needed any more.
    pub fn skip(&mut self, count: usize) {
        self.begin += count.min(self.len()) as u16;
    }
}

/// See the module's text.
pub(crate) struct Buffers {
    /// Tells these from those of every other ring of the process, also of one that is gone.
    owner: u64,
    entries: Mapping,
    memory: Mapping,
    tail: u16,
}

impl Buffers {
    /// All buffers, lying ready for the kernel.
    pub(crate) fn new(submitter: &Submitter<'_>) -> io::Result<Self> {
        static OWNERS: AtomicU64 = AtomicU64::new(0);
        let owner = OWNERS.fetch_add(1, Ordering::Relaxed);
        let entries = Mapping::new(usize::from(COUNT) * size_of::<BufRingEntry>())?;
        let memory = Mapping::new(usize::from(COUNT) * SIZE)?;
        // SAFETY: the entries are there, in whole pages, and stay until the ring is gone: the fields of [`crate::Ring`]
        // are dropped in their order, and the kernel's half is the first.
        unsafe {
            submitter.register_buf_ring_with_flags(entries.start.as_ptr() as u64, COUNT, GROUP, 0)?;
        }
        let mut buffers = Self { owner, entries, memory, tail: 0 };
        (0..COUNT).for_each(|number| buffers.offer(number));
        Ok(buffers)
    }

    /// What the kernel says of a buffer that it has filled.
    pub(crate) fn filled(&self, number: u16, length: usize) -> Chunk {
        assert!(number < COUNT && length <= SIZE, "the kernel fills what it was given");
        Chunk { owner: self.owner, number, begin: 0, end: length as u16 }
    }

    /// The bytes of a chunk.
    pub(crate) fn bytes(&self, chunk: &Chunk) -> &[u8] {
        assert_eq!(chunk.owner, self.owner, "a chunk is looked at with the ring that received it");
        let at = usize::from(chunk.number) * SIZE + usize::from(chunk.begin);
        // SAFETY: a chunk's numbers are within the memory (`filled`). The memory began as zeros, and the kernel
        // does not write to a buffer between telling that it is filled and `offer`. Only `give_back` leads there,
        // which takes the only chunk of it.
        unsafe { std::slice::from_raw_parts(self.memory.start.as_ptr().cast::<u8>().add(at), chunk.len()) }
    }

    /// Gives a buffer back.
    #[expect(clippy::needless_pass_by_value, reason = "nobody has the chunk any more")]
    pub(crate) fn give_back(&mut self, chunk: Chunk) {
        assert_eq!(chunk.owner, self.owner, "a chunk goes back to the ring that received it");
        self.offer(chunk.number);
    }

    /// Lays a buffer ready that the kernel does not have.
    fn offer(&mut self, number: u16) {
        let place = usize::from(self.tail & (COUNT - 1));
        let base = self.entries.start.as_ptr().cast::<BufRingEntry>();
        // SAFETY: the place is one of the `COUNT` entries of the mapping, which is zeroed or was written here before,
        // and the buffer lies within the memory. The kernel reads an entry only behind the tail's move, and has read
        // this one before, since there are as many entries as buffers. The tail lies in the first entry, whose other
        // fields are set without touching it.
        unsafe {
            let entry = &mut *base.add(place);
            entry.set_addr(self.memory.start.as_ptr().cast::<u8>().add(usize::from(number) * SIZE) as u64);
            entry.set_len(SIZE as u32);
            entry.set_bid(number);
            self.tail = self.tail.wrapping_add(1);
            AtomicU16::from_ptr(BufRingEntry::tail(base).cast_mut()).store(self.tail, Ordering::Release);
        }
    }
}

/// Whole pages of zeros, of which the system provides those that are touched.
struct Mapping {
    start: NonNull<c_void>,
    length: NonZeroUsize,
}

// SAFETY: it is memory that nobody else in the process knows of.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(length: usize) -> io::Result<Self> {
        let length = NonZeroUsize::new(length).ok_or(io::ErrorKind::InvalidInput)?;
        // SAFETY: a new mapping at a place that the system chooses overlaps nothing.
        let start = unsafe {
            mmap_anonymous(
                std::ptr::null_mut(),
                length.get(),
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )?
        };
        let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, length })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping was made here with this length, and nobody has a reference into it any more. It fails
        // only for an address that is none of a mapping.
        let _ = unsafe { munmap(self.start.as_ptr(), self.length.get()) };
    }
}
