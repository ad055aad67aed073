//! The one way to change bytes that a snapshot may hold: unless nobody else does, they are copied first.
//!
//! How much a thread has copied is counted. As long as the other holder lives, the copies are memory that the data takes
//! twice; whoever watches over the use of memory has to know how much that is.

use std::cell::Cell;

use triomphe::Arc;

thread_local! {
    static COPIED_BYTES: Cell<u64> = const { Cell::new(0) };
}

/// Bytes that this thread has copied so far because somebody else held them, or has taken to encode them for him.
pub fn copied_bytes() -> u64 {
    COPIED_BYTES.get()
}

/// Notes that so many bytes were taken because somebody else holds what is to be changed.
#[cold]
pub fn note_copy(bytes: usize) {
    COPIED_BYTES.set(COPIED_BYTES.get() + bytes as u64);
}

/// Bytes, or words, to be changed.
#[inline]
pub(crate) fn unshared<T: Copy>(bytes: &mut Arc<[T]>) -> &mut [T] {
    if !bytes.is_unique() {
        note_copy(size_of_val(&bytes[..]));
        *bytes = Arc::from(&bytes[..]);
    }
    Arc::get_mut(bytes).expect("it is unshared or a fresh copy")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bytes_that_somebody_else_holds_are_copied_and_counted() {
        let before = copied_bytes();
        let mut bytes: Arc<[u8]> = Arc::from(&b"abc"[..]);
        unshared(&mut bytes)[0] = b'x';
        assert_eq!(copied_bytes(), before);
        let held = Arc::clone(&bytes);
        unshared(&mut bytes)[0] = b'y';
        assert_eq!((&held[..], &bytes[..], copied_bytes()), (&b"xbc"[..], &b"ybc"[..], before + 3));
    }
}
