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
