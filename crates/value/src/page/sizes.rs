//! Block sizes that waste nothing: the allocator's size classes, less the counters of the `Arc`.

/// What an `Arc` adds to its content: two counters.
pub(crate) const ARC_HEADER: usize = 16;

/// The content of the smallest size class that holds `needed` bytes. jemalloc has classes every 16 bytes up to 128
/// and four in each doubling above.
pub(crate) fn fit(needed: usize) -> usize {
    let total = needed + ARC_HEADER;
    let step = if total <= 128 { 16 } else { total.next_power_of_two() / 8 };
    total.next_multiple_of(step) - ARC_HEADER
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn sizes_are_the_allocators_classes() {
        let class = |needed| fit(needed) + 16;
        assert_eq!(class(0), 16);
        assert_eq!(class(1), 32);
        assert_eq!(class(112), 128);
        assert_eq!(class(113), 160);
        assert_eq!(class(240), 256);
        assert_eq!(class(241), 320);
        assert_eq!(class(1008), 1024);
        assert_eq!(class(1009), 1280);
        assert_eq!(class(2032), 2048);
        assert_eq!(class(2033), 2560);
        assert_eq!(class(3072), 3584);
    }
}
