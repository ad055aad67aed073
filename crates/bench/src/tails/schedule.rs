//! When requests are due: at fixed distances from a beginning, whatever the server does meanwhile.
//!
//! A generator that waits for an answer before it sends the next request asks least while a server stands still, and so
//! hides how many would have waited ("coordinated omission"). Here every request has its time before the first is sent,
//! and its latency counts from then, also if it could only be sent later.

/// The times of an open loop; of a closed one, in which a request is due as soon as a connection is free for it.
#[derive(Debug, Clone)]
pub enum Schedule {
    /// So many requests a second.
    Open { start_ns: u64, rate: u64, taken: u64 },
    /// Whenever there is room.
    Closed,
}

impl Schedule {
    /// An open loop that begins at a time.
    pub fn open(start_ns: u64, rate: u64) -> Self {
        Self::Open { start_ns, rate: rate.max(1), taken: 0 }
    }

    /// When the next request is due.
    pub fn next_ns(&self, now_ns: u64) -> u64 {
        match *self {
            // From the beginning each time, so that no rounding adds up.
            Self::Open { start_ns, rate, taken } => {
                start_ns + (u128::from(taken) * 1_000_000_000 / u128::from(rate)) as u64
            }
            Self::Closed => now_ns,
        }
    }

    /// Takes the next request, if it is due now and before the end.
    pub fn take(&mut self, now_ns: u64, end_ns: u64) -> Option<u64> {
        let due_ns = self.next_ns(now_ns);
        if due_ns > now_ns || due_ns >= end_ns {
            return None;
        }
        if let Self::Open { taken, .. } = self {
            *taken += 1;
        }
        Some(due_ns)
    }

    /// Whether nothing more is due before the end.
    pub fn is_over(&self, now_ns: u64, end_ns: u64) -> bool {
        self.next_ns(now_ns) >= end_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    #[test]
    fn requests_are_due_at_their_times_and_no_rounding_adds_up() {
        let mut schedule = Schedule::open(50, 3);
        let due: Vec<u64> =
            std::iter::from_fn(|| schedule.take(50 + 2 * SECOND_NS, 50 + 2 * SECOND_NS)).collect();
        assert_eq!(due, [50, 333_333_383, 666_666_716, 1_000_000_050, 1_333_333_383, 1_666_666_716]);
        assert!(schedule.is_over(0, 50 + 2 * SECOND_NS));
    }

    #[test]
    fn a_late_request_keeps_the_time_at_which_it_was_due() {
        let mut schedule = Schedule::open(0, 1000);
        assert_eq!(schedule.take(0, SECOND_NS), Some(0));
        assert_eq!(schedule.take(0, SECOND_NS), None, "the next is not due yet");
        let late: Vec<u64> = std::iter::from_fn(|| schedule.take(3_500_000, SECOND_NS)).collect();
        assert_eq!(late, [1_000_000, 2_000_000, 3_000_000]);
    }

    #[test]
    fn a_closed_loop_is_always_due_until_the_end() {
        let mut schedule = Schedule::Closed;
        assert_eq!(schedule.take(7, 9), Some(7));
        assert_eq!(schedule.take(9, 9), None);
        assert!(schedule.is_over(9, 9) && !schedule.is_over(8, 9));
    }
}
