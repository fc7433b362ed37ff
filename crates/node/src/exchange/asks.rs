//! Which peer is being asked for a shard's missing operations: one at a time.
//!
//! Two peers asked at once would both send what both have. The second waits until the first has
//! given everything, and is then asked with the clock that is true then.

use std::collections::BTreeMap;

use causality::{Millis, NodeId};

/// After how long without an answer another peer may be asked.
const PATIENCE_MS: u64 = 3_000;

/// The questions that are open; at most one per shard.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    open: BTreeMap<u16, Ask>,
}

#[derive(Debug)]
struct Ask {
    peer: NodeId,
    deadline: Millis,
    /// Who differed as well meanwhile.
    next: Option<NodeId>,
}

impl Asks {
    /// Notes that a peer's shard differs; says whether it is asked now.
    pub(crate) fn begin(&mut self, shard: u16, peer: NodeId, now: Millis) -> bool {
        match self.open.get_mut(&shard) {
            Some(ask) if ask.deadline > now => {
                if ask.peer != peer {
                    ask.next = Some(peer);
                }
                false
            }
            _ => {
                let deadline = now.plus(PATIENCE_MS);
                self.open.insert(shard, Ask { peer, deadline, next: None });
                true
            }
        }
    }

    /// Notes that a peer goes on giving.
    pub(crate) fn go_on(&mut self, shard: u16, peer: NodeId, now: Millis) {
        if let Some(ask) = self.open.get_mut(&shard).filter(|ask| ask.peer == peer) {
            ask.deadline = now.plus(PATIENCE_MS);
        }
    }

    /// Notes that a peer has given everything; returns who is asked next.
    pub(crate) fn end(&mut self, shard: u16, peer: NodeId, now: Millis) -> Option<NodeId> {
        let next = self.open.get(&shard).filter(|ask| ask.peer == peer)?.next;
        self.open.remove(&shard);
        next.filter(|next| self.begin(shard, *next, now))
    }

    /// Forgets whom a shard was asked from: its state is taken over instead.
    pub(crate) fn forget_shard(&mut self, shard: u16) {
        self.open.remove(&shard);
    }

    /// Forgets a peer whose link is gone.
    pub(crate) fn forget(&mut self, peer: NodeId) {
        self.open.retain(|_, ask| ask.peer != peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEERS: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

    #[test]
    fn one_peer_is_asked_at_a_time_and_the_next_when_it_is_done() {
        let (mut asks, now) = (Asks::default(), Millis(10));
        assert!(asks.begin(1, PEERS[0], now));
        assert!(!asks.begin(1, PEERS[0], now));
        assert!(!asks.begin(1, PEERS[1], now));
        assert!(asks.begin(2, PEERS[1], now));
        assert_eq!(asks.end(1, PEERS[2], now), None, "it was not asked");
        assert_eq!(asks.end(1, PEERS[0], now), Some(PEERS[1]));
        assert!(!asks.begin(1, PEERS[2], now));
        assert_eq!(asks.end(1, PEERS[1], now), Some(PEERS[2]));
        assert_eq!(asks.end(1, PEERS[2], now), None);
        assert!(asks.begin(1, PEERS[0], now));
    }

    #[test]
    fn silence_and_lost_links_end_a_question_and_answers_prolong_it() {
        let (mut asks, now) = (Asks::default(), Millis(10));
        assert!(asks.begin(1, PEERS[0], now));
        let late = now.plus(PATIENCE_MS);
        asks.go_on(1, PEERS[0], now.plus(1));
        assert!(!asks.begin(1, PEERS[1], late));
        assert!(asks.begin(1, PEERS[1], late.plus(1)));
        asks.forget(PEERS[1]);
        assert!(asks.begin(1, PEERS[2], late.plus(1)));
    }
}
