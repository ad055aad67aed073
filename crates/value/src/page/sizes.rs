//! Block sizes that waste nothing: the allocator's size classes, less the counter of the `Arc`.

/// What an `Arc` adds to its content: a counter.
pub(crate) const ARC_HEADER: usize = 8;

/// The content of the smallest size class that holds `needed` bytes. jemalloc has classes every 16 bytes up to 128
/// and four in each doubling above.
pub(crate) fn fit(needed: usize) -> usize {
    let total = needed + ARC_HEADER;
    let step = if total <= 128 { 16 } else { total.next_power_of_two() / 8 };
    total.next_multiple_of(step) - ARC_HEADER
}

#[cfg(test)]
mod tests {
    use super::{ARC_HEADER, fit};

    #[test]
    fn sizes_are_the_allocators_classes() {
        let class = |needed| fit(needed) + ARC_HEADER;
        assert_eq!(class(0), 16);
        assert_eq!(class(8), 16);
        assert_eq!(class(9), 32);
        assert_eq!(class(120), 128);
        assert_eq!(class(121), 160);
        assert_eq!(class(248), 256);
        assert_eq!(class(249), 320);
        assert_eq!(class(1016), 1024);
        assert_eq!(class(1017), 1280);
        assert_eq!(class(2040), 2048);
        assert_eq!(class(2041), 2560);
        assert_eq!(class(3072), 3584);
    }
}
