//! Counters and histograms that many threads write without sharing a cache line.
