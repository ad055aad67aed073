//! The end of the server while it waits for replicas that lag.
//!
//! ```text
//!   SHUTDOWN, a signal ─► begun: writes are held ─► decided: replicas have everything, or nobody waits any longer ─► the end
//!                           └─ SHUTDOWN ABORT: called off   └─ what is to be saved cannot be: given up
//! ```
//! Commands begin a wait and call it off; the machine looks how far replicas are, and decides.

use parking_lot::Mutex;
use stdx::time::UnixMs;

use crate::host::Shutdown;

/// See the module's text.
#[derive(Debug, Default)]
pub struct Ending(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// How many have begun.
    begun: u64,
    wait: Option<EndWait>,
}

/// A wait before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndWait {
    /// Its number; no two have the same.
    pub number: u64,
    /// How the server is to end.
    pub how: Shutdown,
    /// No longer than that.
    pub until: UnixMs,
    /// It is over, and cannot be called off any more.
    is_decided: bool,
}

impl Ending {
    /// The server ends when replicas have everything, or at a time. If it waits for that already, it goes on to do so, but for one
    /// who wants the end now. Returns the number of the wait.
    pub fn begin(&self, how: Shutdown, until: UnixMs) -> u64 {
        let mut state = self.0.lock();
        if let Some(wait) = &mut state.wait {
            if how.now {
                wait.until = UnixMs::MIN;
            }
            return wait.number;
        }
        state.begun += 1;
        let number = state.begun;
        state.wait = Some(EndWait { number, how, until, is_decided: false });
        number
    }

    /// The wait that is on.
    pub fn current(&self) -> Option<EndWait> {
        self.0.lock().wait
    }

    /// The wait is over, and the server ends unless it cannot save. False: it was called off before.
    pub fn decide(&self, number: u64) -> bool {
        let mut state = self.0.lock();
        let wait = state.wait.as_mut().filter(|wait| wait.number == number);
        wait.map(|wait| wait.is_decided = true).is_some()
    }

    /// The server is not to end; false if it does not wait to.
    pub fn call_off(&self) -> bool {
        self.0.lock().wait.take_if(|wait| !wait.is_decided).is_some()
    }

    /// The server cannot end.
    pub fn give_up(&self) {
        self.0.lock().wait = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_one_until_it_is_over_and_can_be_called_off_until_it_is_decided() {
        let ending = Ending::default();
        assert!(!ending.call_off());
        let how = Shutdown { save: Some(false), ..Shutdown::default() };
        let first = ending.begin(how, UnixMs(9));
        assert_eq!(ending.begin(Shutdown::default(), UnixMs(99)), first);
        assert_eq!(ending.current().map(|wait| (wait.how, wait.until)), Some((how, UnixMs(9))));
        ending.begin(Shutdown { now: true, ..how }, UnixMs(99));
        assert_eq!(ending.current().map(|wait| wait.until), Some(UnixMs::MIN));
        assert!(ending.call_off());
        assert!(!ending.decide(first));
        let second = ending.begin(how, UnixMs(9));
        assert!(second != first && !ending.decide(first) && ending.decide(second));
        assert!(!ending.call_off(), "it is too late");
        ending.give_up();
        assert_eq!(ending.current(), None);
    }
}
