//! Where the system reads the command line of this process, which programs such as `ps` show.
//!
//! That is the memory in which the process has got its arguments, and too short for most titles. Linux lets a process tell where
//! else it is, but only together with where everything else is; see prctl(2), PR_SET_MM_MAP. So that is told once, with memory
//! that is never given back, and a title is written into that.
#![allow(unsafe_code, reason = "no safe crate tells where the arguments of a process are")]

use std::io;
use std::sync::atomic::{AtomicU8, Ordering};

/// A longer title is cut.
const CAPACITY: usize = 2048;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Area(&'static [AtomicU8]);

impl Area {
    /// A new one, in the place of any other. It is empty. The system is told again where the heap ends, which does not move meanwhile:
    /// the allocator takes memory there only where it gets none elsewhere.
    #[cfg(target_os = "linux")]
    pub(super) fn claim() -> io::Result<Self> {
        let bytes: Vec<AtomicU8> = std::iter::repeat_with(AtomicU8::default).take(CAPACITY).collect();
        let bytes: &'static [AtomicU8] = bytes.leak();
        let start = bytes.as_ptr() as u64;
        let mut map = places()?;
        (map.arg_start, map.arg_end) = (start, start + CAPACITY as u64);
        // SAFETY: the places are those that the system has told, but for that of the arguments. Nothing is read there but by the
        // system, which finds memory there for good.
        unsafe { rustix::process::configure_virtual_memory_map(&map)? };
        Ok(Self(bytes))
    }

    /// Other systems have other ways, or none.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn claim() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Shows a title. Whoever looks meanwhile may see half of it.
    pub(super) fn write(&self, title: &[u8]) {
        let title = &title[..title.len().min(CAPACITY - 1)];
        let padded = title.iter().copied().chain(std::iter::repeat(0));
        self.0.iter().zip(padded).for_each(|(place, byte)| place.store(byte, Ordering::Relaxed));
    }
}

/// Where everything of this process is, as /proc tells it; see proc_pid_stat(5) for the numbers.
#[cfg(target_os = "linux")]
fn places() -> io::Result<rustix::process::PrctlMmMap> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    // The second field is a name in brackets, which may hold anything.
    let behind = text.rsplit_once(')').map_or("", |(_, behind)| behind);
    let fields: Vec<&str> = behind.split_whitespace().collect();
    let place = |number: usize| {
        let field = fields.get(number - 3).and_then(|field| field.parse().ok());
        field.filter(|&place| place != 0).ok_or_else(|| io::Error::other("/proc does not tell where all is"))
    };
    // SAFETY: it asks where the heap ends, and moves nothing.
    let end_of_heap = unsafe { libc::sbrk(0) };
    Ok(rustix::process::PrctlMmMap {
        start_code: place(26)?,
        end_code: place(27)?,
        start_data: place(45)?,
        end_data: place(46)?,
        start_brk: place(47)?,
        brk: end_of_heap as u64,
        start_stack: place(28)?,
        arg_start: place(48)?,
        arg_end: place(49)?,
        env_start: place(50)?,
        env_end: place(51)?,
        auxv: std::ptr::null_mut(),
        auxv_size: 0,
        exe_fd: -1,
    })
}
