//! How threads that work beside those that serve clients stay out of their way, where there are fewer processors than threads.
//!
//! Such a thread *steps back*: it gets a third of the weight of others and, on Linux, the policy of batches, so that it takes the
//! processor from nobody when it wakes. That alone does not help a worker that wakes behind it, or whose turn the system has cut short
//! for it: the system looks again only when a slice is over, which is milliseconds. So the thread also *gives way*
//! after each tenth of a millisecond: whoever is ready runs then. If nobody is, that costs a system call.
//!
//! `SCHED_IDLE` would be the system's own word for it, but nobody may leave that policy without privileges, and where the workers are
//! never at rest, whoever has it gets three thousandths of a processor: saves would not end, and a lock that it holds would not be
//! released.
#![allow(unsafe_code, reason = "no safe crate of ours sets a thread's policy")]

/// How much those step back who do not serve clients.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;
/// For so long they work before they give way: less than a worker's turn takes for what is long.
const PORTION_NS: u64 = 100_000;

/// The thread at hand steps back for good. Where the system does not let it, it works like all others.
pub fn step_back() {
    #[cfg(target_os = "linux")]
    {
        if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
            tracing::debug!("a thread works with the priority of the workers: {error}");
        }
        if !become_batch() {
            tracing::debug!("a thread works with the policy of the workers");
        }
    }
}

/// The thread at hand gets the policy of batches and keeps its priority.
#[cfg(target_os = "linux")]
fn become_batch() -> bool {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: 0 is the thread at hand, and the parameters are read only during the call.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameters) == 0 }
}

/// Work in portions, between which others go first.
#[derive(Debug, Default)]
pub struct Portions {
    /// When the portion has begun.
    since_ns: u64,
}

impl Portions {
    /// Lets others go first if the portion is over. `clock` tells the time in nanoseconds.
    pub fn give_way(&mut self, clock: impl Fn() -> u64) {
        if self.is_over(clock()) {
            std::thread::yield_now();
            self.since_ns = clock();
        }
    }

    fn is_over(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.since_ns) >= PORTION_NS
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_that_steps_back_takes_the_processor_from_nobody_and_others_are_as_before() {
        let policy = || {
            let thread = rustix::thread::gettid();
            let path = format!("/proc/self/task/{}/stat", thread.as_raw_nonzero());
            let text = std::fs::read_to_string(path).expect("a thread can read its own state");
            // Behind the name, which may hold anything, the third field is the first one.
            let fields: Vec<i64> = text
                .rsplit_once(')')
                .expect("a name stands in brackets")
                .1
                .split_whitespace()
                .map(|field| field.parse().unwrap_or(-1))
                .collect();
            (fields[19 - 3], fields[41 - 3])
        };
        let before = policy();
        let stepped_back = std::thread::spawn(move || {
            step_back();
            policy()
        });
        let batch = i64::from(libc::SCHED_BATCH);
        assert_eq!(stepped_back.join().expect("it does not panic"), (i64::from(NICE), batch));
        assert_eq!(policy(), before);
    }

    #[test]
    fn others_go_first_when_a_portion_is_over_and_then_another_one_begins() {
        let (now_ns, looks) = (Cell::new(7 * PORTION_NS), Cell::new(0));
        let clock = || {
            looks.set(looks.get() + 1);
            now_ns.get()
        };
        let mut portions = Portions { since_ns: now_ns.get() };
        let mut gives_way_at = |time_ns| {
            now_ns.set(time_ns);
            looks.set(0);
            portions.give_way(clock);
            // The clock is looked at again only when others have run.
            looks.get() == 2
        };
        let begin_ns = 7 * PORTION_NS;
        assert!(!gives_way_at(begin_ns + PORTION_NS - 1));
        assert!(gives_way_at(begin_ns + PORTION_NS));
        assert!(!gives_way_at(begin_ns + PORTION_NS + 1));
        assert!(gives_way_at(begin_ns + 3 * PORTION_NS));
    }
}
