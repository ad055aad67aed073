//! Pushes that came while a reply was awaited. A server that sends more than is sensible loses the oldest, not our memory.

use resp::Frame;
use std::collections::VecDeque;

/// How many are kept at most.
const MAX_COUNT: usize = 10_000;
/// How many bytes they may take, unless there is only one.
const MAX_BYTES: usize = 64 << 20;

/// A queue with limits, the oldest push first, each with its bytes.
#[derive(Debug, Default)]
pub(crate) struct Pushes {
    queue: VecDeque<(Frame, usize)>,
    bytes: usize,
}

impl Pushes {
    /// Keeps a push that takes so many bytes, the newest, and drops the oldest while there are too many.
    pub(crate) fn put(&mut self, push: Frame, bytes: usize) {
        self.queue.push_back((push, bytes));
        self.bytes += bytes;
        while self.queue.len() > MAX_COUNT || (self.bytes > MAX_BYTES && self.queue.len() > 1) {
            self.take();
        }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The oldest.
    pub(crate) fn take(&mut self) -> Option<Frame> {
        let (push, bytes) = self.queue.pop_front()?;
        self.bytes -= bytes;
        Some(push)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(number: i64) -> Frame {
        Frame::Push(vec![Frame::Integer(number)])
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let mut pushes = Pushes::default();
        for number in 0..=MAX_COUNT {
            pushes.put(numbered(number as i64), 1);
        }
        assert_eq!(pushes.take(), Some(numbered(1)));
        assert_eq!(pushes.queue.len(), MAX_COUNT - 1);
    }

    #[test]
    fn the_oldest_go_when_they_take_too_much_and_the_newest_stays() {
        let mut pushes = Pushes::default();
        for number in 0..4 {
            pushes.put(numbered(number), MAX_BYTES / 2);
        }
        assert_eq!(pushes.queue.len(), 2);
        pushes.put(numbered(4), MAX_BYTES + 1);
        assert_eq!(pushes.take(), Some(numbered(4)));
        assert_eq!((pushes.take(), pushes.bytes), (None, 0));
    }
}
