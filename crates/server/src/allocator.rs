//! The allocator: jemalloc with settings that keep resident memory near allocated memory, and its figures.
//!
//! The pages of the keyspace are 1-3 kB blocks that come and go with every write. With jemalloc's default
//! thread cache (up to 32 kB objects) such blocks rest in per-thread caches and pin sparse slabs, so that
//! the sweep, which re-allocates pages in order to empty such slabs, has no effect. `lg_tcache_max:9`
//! keeps only objects up to 512 bytes in thread caches. A thread of the allocator gives unused pages back, also while no
//! request comes. Which blocks the sweep moves is decided by what the allocator tells of their slabs.
//!
//! For each slab that there has ever been at a time the allocator keeps some 130 bytes for good. Slabs of blocks of 1, 2 and 4 kB
//! would be of 4 kB, so 3% of the memory that such blocks once took would stay resident (4% measured); `slab_sizes` makes them eight times as large.
#![allow(unsafe_code, reason = "an allocator's settings are a symbol that its C code looks up")]

use std::ffi::c_char;
use std::sync::LazyLock;

use node::{AllocatorValue, MemoryFigures};
use tikv_jemalloc_ctl::thread::{self, ThreadLocal};
use tikv_jemalloc_ctl::{epoch, raw, stats, stats_print};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A C string that may live in a static.
#[repr(transparent)]
pub struct Settings(*const c_char);

// SAFETY: the pointer is to a constant string that nobody writes.
unsafe impl Sync for Settings {}

/// jemalloc reads its options from this symbol when the process starts.
// SAFETY: the symbol has the type that jemalloc declares, `const char *`, and ends with a NUL.
#[unsafe(export_name = "malloc_conf")]
pub static SETTINGS: Settings = Settings(
    c"lg_tcache_max:9,dirty_decay_ms:500,muzzy_decay_ms:0,background_thread:true,slab_sizes:1024-1024:8|2048-2048:8|4096-4096:8"
        .as_ptr(),
);

/// What the allocator says of itself, in bytes; zeros if it does not answer.
pub fn figures() -> MemoryFigures {
    // The figures are cached until the epoch advances.
    if epoch::advance().is_err() {
        return MemoryFigures::default();
    }
    MemoryFigures {
        allocated: stats::allocated::read().unwrap_or(0).saturating_sub(cached()),
        active: stats::active::read().unwrap_or(0),
        resident: stats::resident::read().unwrap_or(0),
        retained: stats::retained::read().unwrap_or(0),
        rss: resident_set().unwrap_or(0),
        system: system_memory(),
    }
}

/// Bytes that have been freed and rest in the caches of threads. The allocator counts them as allocated, though nobody uses
/// them, and their number jumps by tens of kilobytes whenever a cache is filled or emptied.
fn cached() -> usize {
    // SAFETY: "stats.arenas.4096.tcache_bytes" (4096 stands for all arenas) is of type `size_t`.
    unsafe { raw::read(b"stats.arenas.4096.tcache_bytes\0") }.unwrap_or(0)
}

/// All that the allocator tells of itself.
pub fn report() -> String {
    let mut text = Vec::new();
    match stats_print::stats_print(&mut text, stats_print::Options::default()) {
        Ok(()) => String::from_utf8_lossy(&text).into_owned(),
        Err(error) => format!("the allocator tells nothing of itself: {error}\n"),
    }
}

/// Beginnings of the names that may be read: reading them does nothing but tell a number.
const READABLE: [&str; 6] = ["background_thread", "config.", "opt.", "stats.", "arenas.", "thread."];
/// What begins so and does more: it makes an arena for whoever reads it.
const MAKES_AN_ARENA: &str = "arenas.create";
/// The names whose value is a text.
const TEXTS: [&str; 7] = [
    "version",
    "config.malloc_conf",
    "opt.dss",
    "opt.junk",
    "opt.metadata_thp",
    "opt.percpu_arena",
    "opt.thp",
];

/// One value by jemalloc's name of it.
pub fn value(name: &[u8]) -> Option<AllocatorValue> {
    let name = std::str::from_utf8(name).ok().filter(|name| !name.contains('\0'))?;
    // The figures are cached until the epoch advances; old ones are better than none.
    let _ = epoch::advance();
    let terminated = format!("{name}\0");
    if TEXTS.contains(&name) {
        // SAFETY: each of these names stands for a C string that lives as long as the process.
        let text = unsafe { raw::read_str(terminated.as_bytes()) }.ok()?;
        let text = text.strip_suffix(b"\0").unwrap_or(text);
        return Some(AllocatorValue::Text(String::from_utf8_lossy(text).into_owned()));
    }
    if name == MAKES_AN_ARENA || !READABLE.iter().any(|beginning| name.starts_with(beginning)) {
        return None;
    }
    number(terminated.as_bytes()).map(AllocatorValue::Number)
}

/// A number by a name that ends with a NUL, of whatever width it has.
fn number(name: &[u8]) -> Option<u64> {
    // SAFETY: jemalloc writes no more than the size it is told, and refuses when that is not the value's own. Any bytes are a
    // number; where they are an address, nobody follows it.
    let read = unsafe {
        raw::read::<u64>(name)
            .or_else(|_| raw::read::<u32>(name).map(u64::from))
            .or_else(|_| raw::read::<u8>(name).map(u64::from))
    };
    read.ok()
}

/// Bytes that the calling thread has allocated and not freed, as the allocator counts them for each thread; less than none
/// where it frees what others allocated.
pub fn thread_bytes() -> i64 {
    thread_local! {
        static COUNTS: Option<(ThreadLocal<u64>, ThreadLocal<u64>)> = counts();
    }
    COUNTS.with(|counts| {
        counts.as_ref().map_or(0, |(allocated, freed)| allocated.get().wrapping_sub(freed.get()) as i64)
    })
}

/// Where the allocator counts for this thread.
fn counts() -> Option<(ThreadLocal<u64>, ThreadLocal<u64>)> {
    Some((thread::allocatedp::read().ok()?, thread::deallocatedp::read().ok()?))
}

/// The memory of the machine.
fn system_memory() -> usize {
    let system = rustix::system::sysinfo();
    (system.totalram as usize).saturating_mul(system.mem_unit as usize)
}

/// The resident set of the process as the system counts it.
fn resident_set() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size())
}

/// What the allocator tells of the slab around an address, in its order.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct Slab {
    /// The slab out of which the next block of this size comes.
    current: usize,
    free: usize,
    places: usize,
    bytes: usize,
    /// Free places of all slabs of this size in the arena.
    all_free: usize,
    all_places: usize,
}

impl Slab {
    /// Where the allocator answers questions about slabs.
    const NAME: &[u8] = b"experimental.utilization.query\0";
    /// Slabs of a size are left alone if less than one in so many of their places is free.
    const FULL_ENOUGH: usize = 32;

    /// The slab of an address, or zeros.
    fn around(mut address: *const u8) -> Self {
        static PATH: LazyLock<[usize; 3]> = LazyLock::new(|| {
            let mut path = [0; 3];
            match raw::name_to_mib(Slab::NAME, &mut path) {
                Ok(()) => path,
                Err(_) => [0; 3],
            }
        });
        let (mut slab, mut length) = (Self::default(), size_of::<Self>());
        // SAFETY: the path has the three parts that it is said to have. The allocator checks that the sizes are those of the six
        // words that it writes and of the pointer that it reads, and only looks up whose memory the address is.
        let refused = unsafe {
            tikv_jemalloc_sys::mallctlbymib(
                PATH.as_ptr(),
                PATH.len(),
                (&raw mut slab).cast(),
                &raw mut length,
                (&raw mut address).cast(),
                size_of::<*const u8>(),
            )
        };
        if refused == 0 { slab } else { Self::default() }
    }

    /// Whether a block in it would come to lie in a fuller one if it were copied.
    fn is_sparse(&self, address: *const u8) -> bool {
        let is_current = (self.current..self.current + self.bytes).contains(&address.addr());
        !is_current
            && self.all_free > self.all_places / Self::FULL_ENOUGH
            && self.free * self.all_places > self.all_free * self.places
    }
}

/// Whether a block lies in a slab with more free places than slabs of its size have on average, so that it pays to move it. Slabs of
/// the average are left as they are: if all are, there is no better place for any.
pub fn is_sparse(block: *const u8) -> bool {
    Slab::around(block).is_sparse(block)
}

/// Gives unused pages of all arenas back to the system.
pub fn purge() {
    // SAFETY: "arena.4096.purge" (4096 stands for all arenas) takes and returns no value.
    let purged = unsafe { raw::write(b"arena.4096.purge\0", ()) };
    if let Err(error) = purged {
        tracing::info!("the allocator does not purge: {error}");
    }
}
