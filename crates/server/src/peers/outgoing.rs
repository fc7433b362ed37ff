//! Bytes on their way to one peer: bounded, and held back when distance is simulated.
//!
//! Bound: beyond the limit nothing is taken; the caller counts what it drops, and the next
//! exchange brings it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// What of the queue may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// Nothing waits.
    Empty,
    /// Something may be sent now.
    Due,
    /// The next bytes may be sent then.
    Later(Instant),
}

/// The queue of one link.
#[derive(Debug)]
pub(super) struct Outgoing {
    delay: Duration,
    size_max: usize,
    chunks: VecDeque<Chunk>,
    size: usize,
    /// Bytes of the first chunk that are sent.
    sent: usize,
}

/// What was queued at one moment.
#[derive(Debug)]
struct Chunk {
    due: Instant,
    bytes: Vec<u8>,
}

impl Outgoing {
    pub(super) const fn new(delay: Duration, size_max: usize) -> Self {
        Self { delay, size_max, chunks: VecDeque::new(), size: 0, sent: 0 }
    }

    /// Lets `write` append bytes queued at `now`, unless the queue is full; `None` then.
    pub(super) fn append<T>(
        &mut self,
        now: Instant,
        write: impl FnOnce(&mut Vec<u8>) -> T,
    ) -> Option<T> {
        if self.size >= self.size_max {
            return None;
        }
        let due = now + self.delay;
        let is_joined = |chunk: &mut Chunk| self.delay.is_zero() || chunk.due == due;
        if !self.chunks.back_mut().is_some_and(is_joined) {
            self.chunks.push_back(Chunk { due, bytes: Vec::new() });
        }
        let bytes = &mut self.chunks.back_mut().expect("there is one now").bytes;
        let before = bytes.len();
        let written = write(bytes);
        self.size += bytes.len() - before;
        Some(written)
    }

    /// Says whether something may be sent.
    pub(super) fn readiness(&self, now: Instant) -> Readiness {
        match self.chunks.front() {
            None => Readiness::Empty,
            Some(chunk) if chunk.due <= now => Readiness::Due,
            Some(chunk) => Readiness::Later(chunk.due),
        }
    }

    /// The bytes to be sent next, if any are due.
    pub(super) fn due(&self, now: Instant) -> Option<&[u8]> {
        let chunk = self.chunks.front().filter(|chunk| chunk.due <= now)?;
        chunk.bytes.get(self.sent..)
    }

    /// How many bytes wait.
    #[cfg(test)]
    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// Drops bytes that were sent.
    pub(super) fn sent(&mut self, count: usize) {
        self.sent += count;
        self.size -= count;
        if self.chunks.front().is_some_and(|chunk| self.sent >= chunk.bytes.len()) {
            self.chunks.pop_front();
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(10);

    fn put(queue: &mut Outgoing, now: Instant, text: &str) -> bool {
        queue.append(now, |out| out.extend_from_slice(text.as_bytes())).is_some()
    }

    #[expect(clippy::disallowed_methods, reason = "any moment will do")]
    fn some_instant() -> Instant {
        Instant::from_std(std::time::Instant::now())
    }

    #[test]
    fn without_delay_everything_is_one_piece() {
        let now = some_instant();
        let mut queue = Outgoing::new(Duration::ZERO, 100);
        assert_eq!(queue.readiness(now), Readiness::Empty);
        assert!(put(&mut queue, now, "one"));
        assert!(put(&mut queue, now + MOMENT, "two"));
        assert_eq!(queue.due(now), Some(b"onetwo".as_slice()));
        queue.sent(4);
        assert_eq!(queue.due(now), Some(b"wo".as_slice()));
        queue.sent(2);
        assert_eq!((queue.due(now), queue.readiness(now)), (None, Readiness::Empty));
    }

    #[test]
    fn with_delay_each_moment_has_its_own_time() {
        let now = some_instant();
        let mut queue = Outgoing::new(5 * MOMENT, 100);
        put(&mut queue, now, "a");
        put(&mut queue, now, "b");
        put(&mut queue, now + MOMENT, "c");
        assert_eq!(
            (queue.due(now), queue.readiness(now)),
            (None, Readiness::Later(now + 5 * MOMENT))
        );
        let later = now + 5 * MOMENT;
        assert_eq!(queue.due(later), Some(b"ab".as_slice()));
        queue.sent(2);
        assert_eq!(queue.due(later), None);
        assert_eq!(queue.due(later + MOMENT), Some(b"c".as_slice()));
    }

    #[test]
    fn a_full_queue_takes_nothing_until_something_was_sent() {
        let now = some_instant();
        let mut queue = Outgoing::new(Duration::ZERO, 4);
        assert!(put(&mut queue, now, "12345"));
        assert!(!put(&mut queue, now, "6"));
        queue.sent(2);
        assert!(put(&mut queue, now, "6"));
        assert_eq!(queue.due(now), Some(b"3456".as_slice()));
    }
}
