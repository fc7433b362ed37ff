//! What has arrived for the node since its last turn.
//!
//! Bound: whoever reads from a socket waits for room first, so that a busy node slows its clients
//! and peers down instead of growing.

use std::cell::RefCell;
use std::collections::VecDeque;

use node::{Event, Micros};
use tokio::sync::Notify;

use crate::clock;

/// Events that may wait before reading stops; one read may go over it.
const EVENTS_COUNT_MAX: usize = 65_536;

/// A queue of events from many tasks of one thread to its node.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// Each with when it arrived.
    events: RefCell<VecDeque<(Micros, Event)>>,
    arrived: Notify,
    emptied: Notify,
}

impl Inbox {
    /// Adds an event; the node's next turn sees it.
    pub(crate) fn push(&self, event: Event) {
        self.push_at(clock::steady(), event);
    }

    /// Adds an event that arrived a moment ago, together with others.
    pub(crate) fn push_at(&self, arrived: Micros, event: Event) {
        let mut events = self.events.borrow_mut();
        // Whoever waits does so because there is nothing.
        if events.is_empty() {
            self.arrived.notify_one();
        }
        events.push_back((arrived, event));
    }

    /// Takes at most `count` events, oldest first, each with when it arrived.
    pub(crate) fn take(&self, count: usize) -> Vec<(Micros, Event)> {
        let mut events = self.events.borrow_mut();
        let count = count.min(events.len());
        let taken = events.drain(..count).collect();
        if events.len() < EVENTS_COUNT_MAX {
            self.emptied.notify_waiters();
        }
        taken
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.borrow().is_empty()
    }

    /// Waits for something to arrive.
    pub(crate) async fn arrived(&self) {
        while self.is_empty() {
            self.arrived.notified().await;
        }
    }

    /// Waits until more may be added.
    pub(crate) async fn room(&self) {
        while self.events.borrow().len() >= EVENTS_COUNT_MAX {
            self.emptied.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    fn runtime() -> (tokio::runtime::Runtime, tokio::task::LocalSet) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        (runtime, tokio::task::LocalSet::new())
    }

    #[test]
    fn a_full_inbox_makes_readers_wait_until_it_is_emptied() {
        let (runtime, local) = runtime();
        local.block_on(&runtime, async {
            let inbox = Rc::new(Inbox::default());
            for _ in 0..EVENTS_COUNT_MAX {
                inbox.push(Event::Woken);
            }
            let waiting = tokio::task::spawn_local({
                let inbox = Rc::clone(&inbox);
                async move { inbox.room().await }
            });
            tokio::task::yield_now().await;
            assert!(!waiting.is_finished());
            assert_eq!(inbox.take(10).len(), 10);
            waiting.await.unwrap();
        });
    }

    #[test]
    fn what_arrived_before_anyone_waited_is_not_missed() {
        let (runtime, local) = runtime();
        local.block_on(&runtime, async {
            let inbox = Inbox::default();
            inbox.push(Event::Woken);
            inbox.push(Event::Woken);
            inbox.arrived().await;
            assert_eq!(inbox.take(1).len(), 1);
            inbox.arrived().await;
            assert_eq!(inbox.take(9).len(), 1);
            assert!(inbox.is_empty());
        });
    }
}
