//! Who waits for elements of which key, on this node and on others.
//!
//! Of all that wait for a key, the one that has waited longest is woken, wherever it is; once it
//! has taken something, the next one is. What is known of other nodes is leased: a node that dies
//! leaves nobody behind for longer than that. A wake that is lost is made good by whoever waits:
//! it looks again by itself every second.
//!
//! Invariant: a client waits here exactly while it is blocked.

use std::collections::BTreeMap;

use causality::{Millis, NodeId};
use cells::Keyspace;

use crate::session::ClientId;

/// A key that is waited for.
pub type Awaited = (Keyspace, Vec<u8>);

/// How long another node's waiting is believed after it was told last.
const LEASE_MS: u64 = 3_000;
/// Keys of other nodes that are remembered.
const REMOTE_COUNT_MAX: usize = 65_536;

/// Who is to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// A client of this node.
    Here(ClientId),
    /// The one of another node that has waited longest.
    At(NodeId),
}

/// Somebody of another node.
#[derive(Clone, Copy, Debug)]
struct Remote {
    since: Millis,
    until: Millis,
}

/// The waiters that this node knows.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// By key: since when, and in the order of arrival.
    here: BTreeMap<Awaited, BTreeMap<(Millis, u64), ClientId>>,
    of_client: BTreeMap<ClientId, (Vec<Awaited>, (Millis, u64))>,
    elsewhere: BTreeMap<Awaited, BTreeMap<NodeId, Remote>>,
    last: u64,
}

impl Waiters {
    /// Notes that a client waits, since a moment; one that waits already goes on with its place.
    pub(crate) fn wait(&mut self, client: ClientId, keys: &[Awaited], since: Millis) {
        self.leave(client);
        self.last += 1;
        let place = (since, self.last);
        for key in keys {
            self.here.entry(key.clone()).or_default().insert(place, client);
        }
        self.of_client.insert(client, (keys.to_vec(), place));
    }

    /// Notes that a client waits no more.
    pub(crate) fn leave(&mut self, client: ClientId) {
        let Some((keys, place)) = self.of_client.remove(&client) else { return };
        for key in keys {
            if let Some(waiting) = self.here.get_mut(&key) {
                waiting.remove(&place);
                if waiting.is_empty() {
                    self.here.remove(&key);
                }
            }
        }
    }

    /// Says whether a client waits.
    pub(crate) fn is_waiting(&self, client: ClientId) -> bool {
        self.of_client.contains_key(&client)
    }

    /// Counts the clients of this node that wait.
    pub(crate) fn count(&self) -> usize {
        self.of_client.len()
    }

    /// Says whether anybody is known to wait for anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.here.is_empty() && self.elsewhere.is_empty()
    }

    /// Returns what a client waits for, and since when.
    pub(crate) fn awaited_by(&self, client: ClientId) -> Vec<(Awaited, Millis)> {
        let held = self.of_client.get(&client).into_iter();
        held.flat_map(|(keys, (since, _))| keys.iter().map(|key| (key.clone(), *since))).collect()
    }

    /// Notes that somebody of another node waits.
    pub(crate) fn hear(&mut self, node: NodeId, key: Awaited, since: Millis, now: Millis) {
        self.elsewhere.retain(|_, nodes| {
            nodes.retain(|_, remote| remote.until > now);
            !nodes.is_empty()
        });
        if self.elsewhere.len() < REMOTE_COUNT_MAX {
            let remote = Remote { since, until: Millis(now.0 + LEASE_MS) };
            self.elsewhere.entry(key).or_default().insert(node, remote);
        }
    }

    /// Chooses who is woken now that a key has something: whoever has waited longest.
    pub(crate) fn choose(&mut self, me: NodeId, key: &Awaited, now: Millis) -> Option<Wake> {
        let here = self.here.get(key).and_then(|waiting| waiting.first_key_value());
        let here = here.map(|((since, _), client)| ((*since, me), Wake::Here(*client)));
        let nodes = self.elsewhere.get(key).into_iter().flatten();
        let live = nodes.filter(|(_, remote)| remote.until > now);
        let there = live.map(|(node, remote)| ((remote.since, *node), Wake::At(*node)));
        let (_, wake) = here.into_iter().chain(there).min_by_key(|(place, _)| *place)?;
        if let Wake::At(node) = wake
            && let Some(nodes) = self.elsewhere.get_mut(key)
        {
            // It says so again if it still waits afterwards.
            nodes.remove(&node);
            if nodes.is_empty() {
                self.elsewhere.remove(key);
            }
        }
        Some(wake)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: NodeId = NodeId(1);

    fn key(name: &str) -> Awaited {
        (Keyspace(1), name.into())
    }

    #[test]
    fn whoever_has_waited_longest_is_woken_wherever_it_is() {
        let mut waiters = Waiters::default();
        waiters.wait(ClientId(7), &[key("a"), key("b")], Millis(20));
        waiters.wait(ClientId(8), &[key("a")], Millis(20));
        waiters.hear(NodeId(2), key("a"), Millis(10), Millis(30));
        assert_eq!(waiters.choose(ME, &key("a"), Millis(31)), Some(Wake::At(NodeId(2))));
        assert_eq!(waiters.choose(ME, &key("a"), Millis(31)), Some(Wake::Here(ClientId(7))));
        waiters.leave(ClientId(7));
        assert_eq!(waiters.choose(ME, &key("a"), Millis(31)), Some(Wake::Here(ClientId(8))));
        assert_eq!(waiters.choose(ME, &key("b"), Millis(31)), None);
        assert_eq!(waiters.count(), 1);
        waiters.leave(ClientId(8));
        assert!(waiters.is_empty());
    }

    #[test]
    fn a_node_that_is_heard_no_more_is_forgotten() {
        let mut waiters = Waiters::default();
        waiters.hear(NodeId(2), key("a"), Millis(10), Millis(10));
        assert_eq!(waiters.choose(ME, &key("a"), Millis(10 + LEASE_MS)), None);
        waiters.hear(NodeId(3), key("b"), Millis(10), Millis(10 + LEASE_MS));
        assert_eq!(waiters.elsewhere.len(), 1);
    }
}
