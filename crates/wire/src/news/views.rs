//! Who the members are, and what owners tell each other while shards move.

use causality::Clock;
use causality::format::{put_clock, read_clock};
use codec::{DecodeError, Reader, put_varint};
use placement::{
    Epoch, Incarnation, Member, MemberId, MemberState, PlacementVersion, View, ViewHash, Weight,
};

use super::fields::{Field, get_text, numbers, put_text, structs, wide_numbers};
use crate::ids::ShardId;

/// The hash of a whole roster: equal on two nodes that know the same of all members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RosterHash(pub u64);

/// Where a member is reached, as it said itself last.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Contact {
    /// When it said so, by its own clock; the latest counts.
    pub stamp: u64,
    /// Which of its lives said so.
    pub life: u32,
    /// Where clients connect.
    pub redis: String,
    /// Where peers connect.
    pub peers: String,
}

/// Everything that is known of the members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// Who they are.
    pub view: View,
    /// Where they are reached, by rising id; those that never said are missing.
    pub contacts: Vec<(MemberId, Contact)>,
}

/// What one node knows of one shard, for another that waits for it or gives it up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardReport {
    /// The shard.
    pub shard: ShardId,
    /// Whether and how it is held.
    pub standing: Standing,
    /// What is applied durably.
    pub clock: Clock,
    /// How many live versions that makes.
    pub element_count: u64,
}

/// Whether and how a node holds a shard. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Standing {
    /// Not at all, or no longer.
    Absent = 0,
    /// Not whole yet.
    Filling = 1,
    /// Whole.
    Ready = 2,
}

numbers!(MemberId, Incarnation, Weight, Epoch);
wide_numbers!(ViewHash, RosterHash);
structs! {
    Contact, at least 4 { stamp, life, redis, peers }
    Member, at least 6 { id, incarnation, state, datacenter, rack, weight }
    ShardReport, at least 4 { shard, standing, clock, element_count }
}

impl Field for Roster {
    const SIZE_MIN: usize = 4;

    fn put(&self, out: &mut Vec<u8>) {
        let members: Vec<Member> = self.view.members().cloned().collect();
        members.put(out);
        put_varint(out, u64::from(self.view.placement_version().0));
        self.view.epoch().put(out);
        self.contacts.put(out);
    }

    /// Members and contacts ascend, so that a roster has one form only.
    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let members: Vec<Member> = Field::get(reader)?;
        if !members.is_sorted_by(|one, next| one.id < next.id) {
            return Err(DecodeError::Inconsistent("members"));
        }
        let version = u16::try_from(reader.varint()?).map_err(|_| DecodeError::Number)?;
        let epoch = Field::get(reader)?;
        let contacts: Vec<(MemberId, Contact)> = Field::get(reader)?;
        if !contacts.is_sorted_by(|one, next| one.0 < next.0) {
            return Err(DecodeError::Inconsistent("contacts"));
        }
        let view = View::restore(members, PlacementVersion(version), epoch);
        Ok(Self { view, contacts })
    }
}

impl Field for (MemberId, Contact) {
    const SIZE_MIN: usize = 5;

    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok((Field::get(reader)?, Field::get(reader)?))
    }
}

impl Field for MemberState {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.code());
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::from_code(reader.byte()?).ok_or(DecodeError::Unknown("state"))
    }
}

impl Field for Standing {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.byte()? {
            0 => Ok(Self::Absent),
            1 => Ok(Self::Filling),
            2 => Ok(Self::Ready),
            _ => Err(DecodeError::Unknown("standing")),
        }
    }
}

impl Field for ShardId {
    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(self.0));
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        u16::try_from(reader.varint()?).map(Self).map_err(|_| DecodeError::Number)
    }
}

impl Field for Clock {
    fn put(&self, out: &mut Vec<u8>) {
        put_clock(out, self);
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_clock(reader)
    }
}

impl Field for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(out, self);
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        get_text(reader).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use causality::{Actor, Counters, NodeId};

    use super::*;
    use crate::news::News;

    fn roster() -> Roster {
        let member = |id: u32, state| Member {
            id: MemberId(id),
            incarnation: Incarnation(3),
            state,
            datacenter: "a".into(),
            rack: "r1".into(),
            weight: Weight(100),
        };
        let members = [member(1, MemberState::Active), member(7, MemberState::Removed)];
        let contact = Contact { stamp: 9, life: 2, redis: "h:1".into(), peers: "h:2".into() };
        let view = View::restore(members, PlacementVersion::V1, Epoch(4));
        Roster { view, contacts: vec![(MemberId(1), contact)] }
    }

    fn check(news: &News) {
        let bytes = news.encode();
        assert_eq!(News::decode(&bytes).as_ref(), Ok(news));
        for end in 0..bytes.len() {
            assert!(News::decode(&bytes[..end]).is_err(), "{end} bytes of {news:?}");
        }
    }

    #[test]
    fn news_of_views_come_back_and_no_part_of_them_does() {
        let view = ViewHash(u64::MAX);
        let mut clock = Clock::new();
        let actor = Actor::new(NodeId(1), causality::Incarnation(5));
        clock.insert_all(actor, &Counters::up_to(900));
        let (shard, standing) = (ShardId(1023), Standing::Filling);
        let report = ShardReport { shard, standing, clock, element_count: 5 };
        check(&News::Views { view, roster: RosterHash(1) });
        check(&News::Roster(roster()));
        check(&News::ReportsWanted { view, shards: vec![ShardId(0), ShardId(1023)] });
        check(&News::Reports { view, reports: vec![report] });
    }

    #[test]
    fn members_out_of_order_or_twice_are_refused() {
        let one = &roster().view.members().next().expect("there is one").clone();
        let mut out = vec![3];
        vec![one.clone(), one.clone()].put(&mut out);
        out.extend_from_slice(&[1, 0, 0]);
        assert_eq!(News::decode(&out), Err(DecodeError::Inconsistent("members")));
    }
}
