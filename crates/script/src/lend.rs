//! A slot in which something borrowed lies while a closure runs.
//!
//! Lua's functions are made once and live as long as the interpreter, but what they talk to, the command that runs the
//! script, is borrowed anew for each run. A function cannot hold such a borrow. It holds this slot, and finds in it whatever has
//! been lent for the time being.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr::NonNull;

use crate::caller::Caller;

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// Where the caller is while it is lent and not in use. The lifetime is erased; see [`Slot::lend`].
    lent: Cell<Option<NonNull<dyn Caller>>>,
}

/// Puts a slot back into a state when it is dropped, after a panic too.
struct PutBack<'s>(&'s Slot, Option<NonNull<dyn Caller>>);

impl Drop for PutBack<'_> {
    fn drop(&mut self) {
        self.0.lent.set(self.1);
    }
}

impl Slot {
    /// Lends a caller to whoever looks into the slot while `body` runs.
    pub(crate) fn lend<R>(&self, caller: &mut (dyn Caller + '_), body: impl FnOnce() -> R) -> R {
        // SAFETY: only the lifetime of the trait object changes, so both types have the same layout. The pointer is
        // taken out of the slot by `put_back` before `lend` returns or unwinds, and `caller` stays borrowed until then, so
        // whoever finds the pointer in the slot finds the caller alive and nobody else can reach it.
        let erased: NonNull<dyn Caller> = unsafe {
            std::mem::transmute::<NonNull<dyn Caller + '_>, NonNull<dyn Caller>>(NonNull::from(caller))
        };
        let _put_back = PutBack(self, self.lent.replace(Some(erased)));
        body()
    }

    /// Calls `with` with what is lent; nothing if nothing is, or if it is in use already.
    pub(crate) fn with<R>(&self, with: impl FnOnce(&mut dyn Caller) -> R) -> Option<R> {
        let mut lent = self.lent.take()?;
        let _put_back = PutBack(self, Some(lent));
        // SAFETY: the pointer comes from `lend`, which has not returned yet: `with` is called by what its `body` calls, and
        // the slot cannot be sent to another thread. While it is in use here the slot is empty, so there is no second
        // reference to the caller.
        Some(with(unsafe { lent.as_mut() }))
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::caller::Recorded;

    #[test]
    fn what_is_lent_is_found_until_it_is_given_back() {
        let slot = Slot::default();
        assert!(slot.with(|_| ()).is_none(), "nothing is lent");
        let mut caller = Recorded::default();
        slot.lend(&mut caller, || {
            slot.with(|caller| caller.log(1, b"one")).expect("it is lent");
            slot.with(|_| assert!(slot.with(|_| ()).is_none(), "it is in use")).expect("it is lent");
            slot.with(|caller| caller.log(2, b"two")).expect("it is back");
        });
        assert!(slot.with(|_| ()).is_none(), "it was given back");
        assert_eq!(caller.logged, [(1, b"one".to_vec()), (2, b"two".to_vec())]);
    }

    #[test]
    fn panics_give_back_too() {
        let slot = Slot::default();
        let mut caller = Recorded::default();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            slot.lend(&mut caller, || slot.with(|_| panic!("as a test")));
        }));
        assert!(outcome.is_err());
        assert!(slot.with(|_| ()).is_none());
    }
}
