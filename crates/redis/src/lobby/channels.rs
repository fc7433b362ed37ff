//! Who on this node listens to which channel, and what is to be told to whom.
//!
//! Invariant: a client is in a channel's set exactly if the channel is in the client's. Nothing is
//! kept of clients that have left.

use std::collections::{BTreeMap, BTreeSet};

use resp::Writer;

use crate::glob;
use crate::session::ClientId;

/// What is listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A channel by its name.
    Channel,
    /// All channels that a pattern fits.
    Pattern,
    /// A channel of a shard; those are apart from the others.
    Shard,
}

/// Something said on a channel, as nodes tell it each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// On a channel of a shard or on another.
    pub kind: Kind,
    /// The channel.
    pub channel: Vec<u8>,
    /// What.
    pub payload: Vec<u8>,
}

/// Something that a client is sent without having asked right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Push {
    /// Something was said on a channel it listens to; by a pattern, if there is one.
    Message {
        /// What was said.
        said: Said,
        /// Which pattern fitted.
        pattern: Option<Vec<u8>>,
    },
    /// A command was begun, for whoever monitors.
    Command(Vec<u8>),
}

impl Push {
    /// Writes it in the protocol that the client speaks.
    pub fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Message { said, pattern: None } => {
                writer.push(3);
                let is_shard = said.kind == Kind::Shard;
                writer.bulk(if is_shard { b"smessage" } else { b"message" });
                writer.bulk(&said.channel);
                writer.bulk(&said.payload);
            }
            Self::Message { said, pattern: Some(pattern) } => {
                writer.push(4);
                writer.bulk(b"pmessage");
                writer.bulk(pattern);
                writer.bulk(&said.channel);
                writer.bulk(&said.payload);
            }
            Self::Command(line) => writer.simple(line),
        }
    }
}

/// The listeners of this node.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    listeners: BTreeMap<(Kind, Vec<u8>), BTreeSet<ClientId>>,
    of_client: BTreeMap<ClientId, BTreeSet<(Kind, Vec<u8>)>>,
}

impl Channels {
    pub(crate) fn subscribe(&mut self, client: ClientId, kind: Kind, name: &[u8]) {
        let place = (kind, name.to_vec());
        self.listeners.entry(place.clone()).or_default().insert(client);
        self.of_client.entry(client).or_default().insert(place);
    }

    pub(crate) fn unsubscribe(&mut self, client: ClientId, kind: Kind, name: &[u8]) {
        let place = (kind, name.to_vec());
        if let Some(clients) = self.listeners.get_mut(&place) {
            clients.remove(&client);
            if clients.is_empty() {
                self.listeners.remove(&place);
            }
        }
        if let Some(places) = self.of_client.get_mut(&client) {
            places.remove(&place);
            if places.is_empty() {
                self.of_client.remove(&client);
            }
        }
    }

    /// Forgets a client.
    pub(crate) fn leave(&mut self, client: ClientId) {
        for (kind, name) in self.of_client.get(&client).cloned().unwrap_or_default() {
            self.unsubscribe(client, kind, &name);
        }
    }

    /// Returns what a client listens to.
    pub(crate) fn names(&self, client: ClientId, kind: Kind) -> Vec<Vec<u8>> {
        let all = self.of_client.get(&client).into_iter().flatten();
        all.filter(|(held, _)| *held == kind).map(|(_, name)| name.clone()).collect()
    }

    /// Counts what a client listens to, of some kinds.
    pub(crate) fn count(&self, client: ClientId, kinds: &[Kind]) -> usize {
        let all = self.of_client.get(&client).into_iter().flatten();
        all.filter(|(kind, _)| kinds.contains(kind)).count()
    }

    /// Returns what somebody listens to, with how many do.
    pub(crate) fn active(&self, kind: Kind) -> impl Iterator<Item = (&[u8], usize)> {
        let all = self.listeners.iter().filter(move |((held, _), _)| *held == kind);
        all.map(|((_, name), clients)| (name.as_slice(), clients.len()))
    }

    /// Returns how many listen to a channel.
    pub(crate) fn listeners(&self, kind: Kind, name: &[u8]) -> usize {
        self.listeners.get(&(kind, name.to_vec())).map_or(0, BTreeSet::len)
    }

    /// Says who is to be sent what, in order of clients.
    pub(crate) fn hear(&self, said: &Said) -> Vec<(ClientId, Push)> {
        let place = (said.kind, said.channel.clone());
        let direct = self.listeners.get(&place).into_iter().flatten();
        let direct = direct.map(|client| (*client, None));
        let mut heard: Vec<(ClientId, Option<Vec<u8>>)> = direct.collect();
        if said.kind == Kind::Channel {
            for ((kind, pattern), clients) in &self.listeners {
                if *kind == Kind::Pattern && glob::matches_exactly(pattern, &said.channel) {
                    heard.extend(clients.iter().map(|client| (*client, Some(pattern.clone()))));
                }
            }
        }
        let push = |(client, pattern)| (client, Push::Message { said: said.clone(), pattern });
        heard.into_iter().map(push).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_leaves_is_forgotten() {
        let mut channels = Channels::default();
        let (one, two) = (ClientId(1), ClientId(2));
        channels.subscribe(one, Kind::Channel, b"news");
        channels.subscribe(two, Kind::Pattern, b"n*");
        channels.subscribe(two, Kind::Channel, b"news");
        channels.subscribe(two, Kind::Shard, b"news");
        let said = Said { kind: Kind::Channel, channel: b"news".to_vec(), payload: b"x".to_vec() };
        assert_eq!(channels.hear(&said).len(), 3);
        assert_eq!(channels.count(two, &[Kind::Channel, Kind::Pattern]), 2);
        channels.leave(two);
        assert_eq!(channels.hear(&said).len(), 1);
        assert_eq!(channels.listeners(Kind::Shard, b"news"), 0);
        channels.unsubscribe(one, Kind::Channel, b"news");
        channels.unsubscribe(one, Kind::Channel, b"never");
        assert!(channels.listeners.is_empty() && channels.of_client.is_empty());
    }

    #[test]
    fn shards_have_channels_of_their_own() {
        let mut channels = Channels::default();
        channels.subscribe(ClientId(1), Kind::Shard, b"c");
        channels.subscribe(ClientId(2), Kind::Channel, b"c");
        let said = Said { kind: Kind::Shard, channel: b"c".to_vec(), payload: Vec::new() };
        let heard: Vec<ClientId> = channels.hear(&said).into_iter().map(|(id, _)| id).collect();
        assert_eq!(heard, [ClientId(1)]);
    }
}
