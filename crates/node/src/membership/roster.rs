//! Everything known of the members: merged from any side, kept across restarts.
//!
//! Invariant: merging is commutative, associative and idempotent; what was merged is kept before
//! anybody is told of it.

use causality::{Millis, NodeId};
use codec::{Reader, put_slice, put_varint};
use placement::{
    Change, Member, MemberId, MemberState, PlacementVersion, SLOT_COUNT, View, Weight,
};
use storage::{Store, StoreError};
use wire::{Contact, Roster, RosterHash};

use crate::config::{Config, Origin};

/// Where in the store it is kept: behind the shards, the visited ones, and their journal.
const fn place(shards: u16) -> u16 {
    2 * shards + 1
}

/// What a node keeps of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) roster: Roster,
    /// The last view by which every owner held its shards whole.
    pub(crate) base: View,
    /// The shards that this node does not hold whole yet.
    pub(crate) filling: Vec<u16>,
}

impl Known {
    /// Reads what was kept, if anything.
    pub(crate) fn read<S: Store>(store: &mut S, shards: u16) -> Result<Option<Self>, String> {
        let bytes = store.state(place(shards)).map_err(|error| error.to_string())?;
        let decoded = bytes.map(|bytes| Self::decode(&bytes)).transpose();
        decoded.map_err(|error| format!("what the node kept of the members is damaged: {error}"))
    }

    /// Keeps it; the next checkpoint makes it durable.
    pub(crate) fn write<S: Store>(&self, store: &mut S, shards: u16) -> Result<(), StoreError> {
        store.set_state(place(shards), &self.encode())
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_slice(&mut out, &self.roster.encode());
        let base = Roster { view: self.base.clone(), contacts: Vec::new() };
        put_slice(&mut out, &base.encode());
        put_varint(&mut out, self.filling.len() as u64);
        self.filling.iter().for_each(|shard| put_varint(&mut out, u64::from(*shard)));
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self, codec::DecodeError> {
        let mut reader = Reader::new(bytes);
        let roster = Roster::decode(reader.slice("roster", usize::MAX)?)?;
        let base = Roster::decode(reader.slice("roster", usize::MAX)?)?.view;
        let count = reader.count("shards", usize::from(SLOT_COUNT))?;
        let shard = |_| {
            let shard = reader.count("shard", usize::from(u16::MAX))?;
            Ok(u16::try_from(shard).expect("it is within the limit"))
        };
        let filling = (0..count).map(shard).collect::<Result<_, codec::DecodeError>>()?;
        reader.finish()?;
        Ok(Self { roster, base, filling })
    }
}

/// What a node knows of the members that has kept nothing.
pub(crate) fn first(config: &Config) -> Result<Roster, String> {
    match &config.gossip.origin {
        Origin::Founder => Ok(founding(config)),
        Origin::Admitted(roster) => Ok(roster.clone()),
        Origin::Member => {
            Err(format!("node {} has kept nothing of the cluster: let it join anew", config.me.0))
        }
    }
}

/// The roster of a cluster that begins: every configured member is there.
fn founding(config: &Config) -> Roster {
    let members = config.members.iter().map(|member| Member {
        id: MemberId(member.id.0),
        incarnation: placement::Incarnation(0),
        state: MemberState::Active,
        datacenter: member.datacenter.clone(),
        rack: member.rack.clone(),
        weight: Weight::default(),
    });
    let view = View::restore(members, PlacementVersion::V1, placement::Epoch(1));
    Roster { view, contacts: Vec::new() }
}

/// Takes over what `other` knows better.
pub(crate) fn merge(roster: &mut Roster, other: &Roster) -> Change {
    let mut change = roster.view.merge(&other.view);
    for (id, contact) in &other.contacts {
        if put_contact(roster, *id, contact.clone()) == Change::Changed {
            change = Change::Changed;
        }
    }
    change
}

/// Keeps a contact if it is later than the known one.
pub(crate) fn put_contact(roster: &mut Roster, id: MemberId, contact: Contact) -> Change {
    match roster.contacts.binary_search_by_key(&id, |(id, _)| *id) {
        Ok(at) if roster.contacts[at].1 < contact => roster.contacts[at].1 = contact,
        Ok(_) => return Change::Nothing,
        Err(at) => roster.contacts.insert(at, (id, contact)),
    }
    Change::Changed
}

/// Where a member is reached.
pub(crate) fn contact(roster: &Roster, id: NodeId) -> Option<&Contact> {
    let at = roster.contacts.binary_search_by_key(&MemberId(id.0), |(id, _)| *id).ok()?;
    Some(&roster.contacts[at].1)
}

/// Puts the configured addresses in: this node's own are said anew when they differ from what is
/// known, those of others fill gaps.
pub(crate) fn put_configured(roster: &mut Roster, now: Millis, config: &Config) {
    let life = config.incarnation.0;
    let own = config.gossip.contacts.iter().find(|(id, ..)| *id == config.me);
    let (redis, peers) =
        own.map(|(_, redis, peers)| (redis.clone(), peers.clone())).unwrap_or_default();
    let known = contact(roster, config.me);
    let is_known =
        known.is_some_and(|one| (one.life, &one.redis, &one.peers) == (life, &redis, &peers));
    if !is_known {
        let after = known.map_or(0, |known| known.stamp + 1);
        let contact = Contact { stamp: now.0.max(after), life, redis, peers };
        let _ = put_contact(roster, MemberId(config.me.0), contact);
    }
    for (id, redis, peers) in &config.gossip.contacts {
        if contact(roster, *id).is_none() {
            let contact = Contact { stamp: 0, life: 0, redis: redis.clone(), peers: peers.clone() };
            let _ = put_contact(roster, MemberId(id.0), contact);
        }
    }
}

pub(crate) fn hash(roster: &Roster) -> RosterHash {
    RosterHash(xxhash_rust::xxh3::xxh3_64(&without_epoch(roster).encode()))
}

/// Two nodes that know the same may have come to it in different numbers of steps.
fn without_epoch(roster: &Roster) -> Roster {
    let members = roster.view.members().cloned();
    let view = View::restore(members, roster.view.placement_version(), placement::Epoch(0));
    Roster { view, contacts: roster.contacts.clone() }
}

#[cfg(test)]
mod tests {
    use storage::MemoryStore;

    use super::*;

    fn member(id: u32, state: MemberState) -> Member {
        Member {
            id: MemberId(id),
            incarnation: placement::Incarnation(1),
            state,
            datacenter: "a".into(),
            rack: "r".into(),
            weight: Weight::default(),
        }
    }

    fn random_roster(rng: &mut fastrand::Rng) -> Roster {
        let mut roster = Roster::default();
        for id in 1..6 {
            if rng.bool() {
                let state = MemberState::from_code(rng.u8(1..=4)).unwrap();
                let _ = roster.view.merge_member(member(id, state));
            }
            let contact = Contact { stamp: rng.u64(..3), ..Contact::default() };
            let _ = put_contact(&mut roster, MemberId(rng.u32(1..6)), contact);
        }
        roster
    }

    #[test]
    fn rosters_merge_to_the_same_in_any_order() {
        for seed in 0..500 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut rosters: Vec<Roster> = (0..3).map(|_| random_roster(&mut rng)).collect();
            let merged = |rosters: &[Roster]| {
                let mut all = Roster::default();
                for one in rosters {
                    let _ = merge(&mut all, one);
                }
                assert_eq!(merge(&mut all, &rosters[0]), Change::Nothing, "seed {seed}");
                hash(&all)
            };
            let before = merged(&rosters);
            rng.shuffle(&mut rosters);
            assert_eq!(merged(&rosters), before, "seed {seed}");
        }
    }

    #[test]
    fn what_is_kept_comes_back_and_damage_is_an_error() {
        let mut rng = fastrand::Rng::with_seed(3);
        let (roster, base) = (random_roster(&mut rng), random_roster(&mut rng).view);
        let kept = Known { roster, base, filling: vec![0, 7, 1023] };
        let mut store = MemoryStore::new();
        assert_eq!(Known::read(&mut store, 1024), Ok(None));
        kept.write(&mut store, 1024).unwrap();
        assert_eq!(Known::read(&mut store, 1024), Ok(Some(kept.clone())));
        let bytes = kept.encode();
        store.set_state(place(1024), &bytes[..bytes.len() - 1]).unwrap();
        assert!(Known::read(&mut store, 1024).is_err());
    }
}
