//! What the parameters of eviction mean.

use config::MaxmemoryPolicy;
use keyspace::{Order, Rule};

/// Which keys go by a policy, and in which order; none: no keys do.
pub(crate) fn rule(policy: MaxmemoryPolicy, samples: usize) -> Option<Rule> {
    use MaxmemoryPolicy as Policy;
    let (order, only_expiring) = match policy {
        Policy::VolatileLru | Policy::VolatileLrm => (Order::Idle, true),
        Policy::VolatileLfu => (Order::Frequency, true),
        Policy::VolatileRandom => (Order::Random, true),
        Policy::VolatileTtl => (Order::Due, true),
        Policy::AllkeysLru | Policy::AllkeysLrm => (Order::Idle, false),
        Policy::AllkeysLfu => (Order::Frequency, false),
        Policy::AllkeysRandom => (Order::Random, false),
        Policy::NoEviction => return None,
    };
    Some(Rule { order, only_expiring, samples })
}

/// How many nanoseconds keys are evicted for before requests come again, by `maxmemory-eviction-tenacity`: up to 10 it
/// grows evenly to half a millisecond, then by 15 percent a step, and at 100 there is no end.
pub(crate) fn budget_ns(tenacity: i64) -> u64 {
    const STEP_NS: u64 = 50_000;
    match tenacity {
        0..=10 => STEP_NS * tenacity.unsigned_abs(),
        11..=99 => (500_000.0 * 1.15_f64.powi(tenacity as i32 - 10)) as u64,
        _ => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenacity_begins_evenly_grows_by_steps_and_has_no_end_at_100() {
        assert_eq!([0, 1, 10, 11, 100].map(budget_ns), [0, 50_000, 500_000, 575_000, u64::MAX]);
        assert!(budget_ns(99) > 100_000_000_000);
    }
}
