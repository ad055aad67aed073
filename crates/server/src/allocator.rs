//! The allocator: jemalloc with settings that keep resident memory near allocated memory, and its figures.
//!
//! The pages of the keyspace are 1-3 kB blocks that come and go with every write. With jemalloc's default
//! thread cache (up to 32 kB objects) such blocks rest in per-thread caches and pin sparse slabs, so that
//! the sweep, which re-allocates pages in order to empty such slabs, has no effect. `lg_tcache_max:9`
//! keeps only objects up to 512 bytes in thread caches. A thread of the allocator gives unused pages back, also while no
//! request comes.
#![allow(unsafe_code, reason = "an allocator's settings are a symbol that its C code looks up")]

use std::ffi::c_char;

use node::MemoryFigures;
use tikv_jemalloc_ctl::thread::{self, ThreadLocal};
use tikv_jemalloc_ctl::{epoch, stats};

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
pub static SETTINGS: Settings =
    Settings(c"lg_tcache_max:9,dirty_decay_ms:500,muzzy_decay_ms:0,background_thread:true".as_ptr());

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
    unsafe { tikv_jemalloc_ctl::raw::read(b"stats.arenas.4096.tcache_bytes\0") }.unwrap_or(0)
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

/// Gives unused pages of all arenas back to the system.
pub fn purge() {
    // SAFETY: "arena.4096.purge" (4096 stands for all arenas) takes and returns no value.
    let purged = unsafe { tikv_jemalloc_ctl::raw::write(b"arena.4096.purge\0", ()) };
    if let Err(error) = purged {
        tracing::info!("the allocator does not purge: {error}");
    }
}
