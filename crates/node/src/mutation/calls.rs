//! What wrong rules make of calls, of what is sent and of what is taken; without the feature, each
//! of these functions hands back what it was given.

use std::borrow::Cow;

use api::{Call, Level, Lifetime, Operation, SetCondition, StringOperation};
use causality::{Millis, NodeId};
use cells::{OwnedBody, OwnedOp};
use storage::Store;
use wire::shard::Group;

use super::Mutation;
use crate::node::Node;

impl<S: Store> Node<S> {
    /// The level that a read is answered at.
    pub(crate) fn asked_level(&self, level: Level) -> Level {
        if self.is_mutated(Mutation::ReadAnsweredEarly) { Level::One } else { self.level(level) }
    }

    /// The level that a write is answered at.
    pub(crate) fn promised_level(&self, level: Level) -> Level {
        if self.is_mutated(Mutation::WriteAnsweredEarly) { Level::One } else { self.level(level) }
    }

    fn level(&self, level: Level) -> Level {
        match level {
            Level::Two if self.is_mutated(Mutation::TwoIsOne) => Level::One,
            Level::Three if self.is_mutated(Mutation::ThreeIsTwo) => Level::Two,
            Level::Quorum if self.is_mutated(Mutation::QuorumIsOne) => Level::One,
            Level::LocalQuorum if self.is_mutated(Mutation::LocalQuorumIsOne) => Level::LocalOne,
            Level::EachQuorum if self.is_mutated(Mutation::EachQuorumIsLocal) => Level::LocalQuorum,
            Level::All if self.is_mutated(Mutation::AllIsQuorum) => Level::Quorum,
            level => level,
        }
    }

    /// The call that an acknowledgement is of.
    pub(crate) fn acknowledged_call(&self, request: wire::RequestId) -> wire::RequestId {
        let is_any = self.is_mutated(Mutation::AcknowledgementOfAnyCall);
        if is_any { self.calls.oldest().unwrap_or(request) } else { request }
    }

    /// Whom an acknowledgement is of: its sender, and nobody else.
    pub(crate) fn answered_for(&self, from: NodeId, request: wire::RequestId) -> Vec<NodeId> {
        let mut owners = vec![from];
        if self.is_mutated(Mutation::RelayCountsForAll) {
            owners.extend(self.relays.behind(from, request));
        }
        owners
    }

    /// The call that was handed on and is answered.
    pub(crate) fn answered_forward(&self, request: wire::RequestId) -> wire::RequestId {
        let is_any = self.is_mutated(Mutation::AnswerToAnyCall);
        if is_any { self.forwards.oldest().unwrap_or(request) } else { request }
    }

    /// What is sent of the operations of a write.
    pub(crate) fn sent_ops<'a>(&self, ops: &'a [OwnedOp]) -> Cow<'a, [OwnedOp]> {
        if !self.is_mutated(Mutation::RemovalNotSent) {
            return Cow::Borrowed(ops);
        }
        let inserts = ops.iter().filter(|op| matches!(op.body, OwnedBody::Insert { .. }));
        Cow::Owned(inserts.cloned().collect())
    }

    /// What is taken of the groups that a peer gives.
    pub(crate) fn taken_groups(&self, request: wire::RequestId, groups: Vec<Group>) -> Vec<Group> {
        if self.is_mutated(Mutation::GivenIgnored) && request.0 > 0 {
            return Vec::new();
        }
        if !self.is_mutated(Mutation::RemovalNotTaken) {
            return groups;
        }
        let is_removal =
            |group: &Group| group.members.iter().any(|one| matches!(one.body, OwnedBody::Remove));
        groups.into_iter().filter(|group| !is_removal(group)).collect()
    }

    /// The call as it is carried out.
    pub(crate) fn carried_out<'a>(&self, call: &'a Call) -> Cow<'a, Call> {
        let condition = SetCondition::Always;
        let operation = match &call.operation {
            Operation::Set { value, lifetime: Lifetime::Until(_), condition }
                if self.is_mutated(Mutation::ExpiryForgotten) =>
            {
                let (value, lifetime, condition) = (value.clone(), Lifetime::Forever, *condition);
                Operation::Set { value, lifetime, condition }
            }
            Operation::String(StringOperation::Resolve { value, lifetime, .. })
                if self.is_mutated(Mutation::ContextIgnored) =>
            {
                let (value, lifetime) = (value.clone().unwrap_or_default(), *lifetime);
                Operation::Set { value, lifetime, condition }
            }
            _ => return Cow::Borrowed(call),
        };
        Cow::Owned(Call { operation, ..call.clone() })
    }

    /// Says whether an operation only looks as if it were done.
    pub(crate) fn is_pretended(&self, operation: &Operation) -> bool {
        let is_removal = matches!(
            operation,
            Operation::Delete | Operation::SetRemove { .. } | Operation::MapRemove { .. }
        );
        is_removal && self.is_mutated(Mutation::RemovalNotMade)
    }

    /// The moment at which a call is carried out.
    pub(crate) fn call_time(&self, now: Millis) -> Millis {
        let is_still = self.is_mutated(Mutation::TimeStandsStill);
        if is_still { now.minus(now.0 % 60_000) } else { now }
    }

    /// The moment by which expired versions are dropped.
    pub(crate) fn expiry_time(&self, now: Millis) -> Millis {
        if self.is_mutated(Mutation::ExpiredEarly) { now.plus(3_600_000) } else { now }
    }
}
