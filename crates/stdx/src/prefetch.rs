//! Asking the processor to bring a cache line near before it is needed.
#![allow(unsafe_code, reason = "prefetching has no safe form")]

/// Hints that the line at `address` will be read soon. Any address is allowed; nothing is read or written.
#[inline]
pub fn prefetch(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch neither faults nor changes memory, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

/// Hints that the line at `address` will be written soon, perhaps after another core: it is taken from that core now, and not
/// first shared with it. Processors that do not know the hint do nothing.
#[inline]
pub fn prefetch_for_write(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch neither faults nor changes memory, whatever the address. `_mm_prefetch` with the like hint becomes one
    // for reading, as not every processor is known to have this one; it is a no-op there.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}
