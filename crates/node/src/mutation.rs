//! Known-wrong variants of the node's rules, each behind a switch that only the test suite can
//! set: a rule that no test can break is not known to be tested.
//!
//! Without the feature `mutation` [`Node::is_mutated`] is constantly false.

mod calls;
mod verification;

use crate::node::Node;

/// One wrong rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "mutation"), expect(unreachable_pub, reason = "set by the suite only"))]
pub enum Mutation {
    /// A shard is dropped as soon as the view says that others own it.
    DroppedEarly,
    /// While shards move, a write satisfies its level among the owners of before alone.
    LevelInOldOwnersOnly,
    /// A new owner counts as whole before it has fetched anything.
    ServedBeforeReady,
    /// A view is acted on before the others have it.
    ActedUnsettled,
    /// Answers count whatever view they were given by.
    AnswersCountAcrossViews,
    /// The id of a node that was removed is given again.
    IdReused,
    /// Who seems to be down is removed.
    DetectorRemoves,
    /// A write is answered before any other owner has it.
    WriteAnsweredEarly,
    /// A read is answered without asking any other owner.
    ReadAnsweredEarly,
    /// A read that asked other owners is answered without what they gave.
    GivenIgnored,
    /// Owners that were too busy to apply a write count for its level.
    BusyCounts,
    /// An owner says that it applied what it dropped.
    AcknowledgedUnapplied,
    /// An acknowledgement counts for whichever call waits longest.
    AcknowledgementOfAnyCall,
    /// A write that too few owners have in time is answered with success.
    LateIsDone,
    /// Two owners are one.
    TwoIsOne,
    /// Three owners are two.
    ThreeIsTwo,
    /// A quorum is one owner.
    QuorumIsOne,
    /// A local quorum is one local owner.
    LocalQuorumIsOne,
    /// A quorum in each datacenter is one in this.
    EachQuorumIsLocal,
    /// All owners are a quorum of them.
    AllIsQuorum,
    /// A call that was handed on is carried out twice.
    ForwardedTwice,
    /// The answer to a call that was handed on goes to whoever waits longest.
    AnswerToAnyCall,
    /// What a session has seen is forgotten.
    SessionForgotten,
    /// Removals are answered and not made.
    RemovalNotMade,
    /// Removals are not sent to other owners; the next exchange brings them.
    RemovalNotSent,
    /// Removals that an exchange brings are left out.
    RemovalNotTaken,
    /// Strings are written without their expiry.
    ExpiryForgotten,
    /// Calls are carried out as if no time passed.
    TimeStandsStill,
    /// Expired versions are dropped by a clock that is an hour ahead.
    ExpiredEarly,
    /// A takeover is published before any cell has come.
    TakeoverEarly,
    /// A takeover's clock is told before a checkpoint holds it.
    TakeoverUnsaved,
    /// A hint for an owner counts as if the owner had applied the operation.
    HintCountsAsOwner,
    /// An answer that comes twice counts as that of another owner.
    RepeatedAnswerCounts,
    /// Stand-ins count although only owners may.
    StandInsCountAsOwners,
    /// One node stands in for several owners, and counts for each.
    OneStandsInForAll,
    /// What is kept for others is forgotten at a restart.
    VisitsForgotten,
    /// A visit ends without its actor being sealed.
    VisitorNotSealed,
    /// Every visit mints under the same name.
    VisitorNameReused,
    /// Hints expire although no owner is known to have their operation.
    UnheldExpires,
    /// Hints are dropped when they are sent, not when they are acknowledged.
    HintDroppedWhenSent,
    /// What is not acknowledged in time is not hinted.
    TimeoutNotHinted,
    /// A write whose owner was lost after it was handed on is handed to another one.
    LostWriteHandedOn,
    /// A write supersedes also what its context does not name.
    ContextIgnored,
    /// Local levels are met in any datacenter.
    LocalMetElsewhere,
    /// A removal takes away what its coordinator happens to have.
    RemovalLooksHereOnly,
    /// Actors of earlier lives stay in clocks for ever.
    ActorsNeverRetired,
    /// Actors are retired that mint still.
    RetiredTooEarly,
    /// What has ended by this node's clock is removed, whatever others may have done meanwhile.
    ReapedByClock,
    /// Floors of counters go with their entries, also where a copy of the entry may still come.
    FloorsForgotten,
    /// Rows are compared whatever the clocks say.
    ComparedUnsettled,
    /// Rows that differ are taken for equal.
    DifferenceUnseen,
    /// Two owners are made equal by removing what one of them has lost.
    MendedByRemoval,
    /// A version that a peer holds is taken back without proof that it was lost.
    MendedUnproven,
    /// What was lost is mended in silence.
    MendedUncounted,
    /// A shard whose rows are not to be trusted is read and written all the same.
    DamagedServed,
    /// A damaged shard is emptied before another owner has what is here.
    EmptiedUnasked,
    /// Verification takes what it can get.
    VerificationUnpaced,
    /// A shard is compared with one other owner only.
    OneOwnerVerified,
    /// A call takes its keys alone, also when its session has seen more of the shard.
    SessionsTakeKeys,
    /// An answer that was cut at its budget is taken for all that an owner has.
    RestForgotten,
    /// The acknowledgement of a relay counts for everybody behind it.
    RelayCountsForAll,
    /// A relay applies a write and does not pass it on.
    RelayKeepsToItself,
    /// Whom a lost relay was to reach is sent nothing.
    LostRelayNotReplaced,
    /// A write whose owner is slow is handed to a second one besides.
    WritesHedged,
    /// Who is found behind by a read answers before it has taken what it misses.
    RepairedLater,
    /// An owner that does not answer is waited for, and no other one is asked.
    RestNeverAsked,
    /// What a peer asked for is done however long it has waited.
    DeadlineIgnored,
    /// A node goes on minting under a name of which its peers know more than it does.
    PastIgnored,
}

#[cfg(feature = "mutation")]
impl Mutation {
    /// Every wrong rule of membership.
    pub const ALL: [Self; 7] = [
        Self::DroppedEarly,
        Self::LevelInOldOwnersOnly,
        Self::ServedBeforeReady,
        Self::ActedUnsettled,
        Self::AnswersCountAcrossViews,
        Self::IdReused,
        Self::DetectorRemoves,
    ];

    /// Every wrong rule of calls, exchanges and takeovers.
    pub const OF_CALLS: [Self; 24] = [
        Self::WriteAnsweredEarly,
        Self::ReadAnsweredEarly,
        Self::GivenIgnored,
        Self::BusyCounts,
        Self::AcknowledgedUnapplied,
        Self::AcknowledgementOfAnyCall,
        Self::LateIsDone,
        Self::TwoIsOne,
        Self::ThreeIsTwo,
        Self::QuorumIsOne,
        Self::LocalQuorumIsOne,
        Self::EachQuorumIsLocal,
        Self::AllIsQuorum,
        Self::ForwardedTwice,
        Self::AnswerToAnyCall,
        Self::SessionForgotten,
        Self::RemovalNotMade,
        Self::RemovalNotSent,
        Self::RemovalNotTaken,
        Self::ExpiryForgotten,
        Self::TimeStandsStill,
        Self::ExpiredEarly,
        Self::TakeoverEarly,
        Self::TakeoverUnsaved,
    ];

    /// The wrong rules of housekeeping.
    pub const OF_HOUSEKEEPING: [Self; 2] = [Self::ActorsNeverRetired, Self::RetiredTooEarly];

    /// The wrong rules of what deleted and ended keys leave behind.
    pub const OF_LEFTOVERS: [Self; 2] = [Self::ReapedByClock, Self::FloorsForgotten];

    /// The wrong rules of lives.
    pub const OF_LIVES: [Self; 1] = [Self::PastIgnored];

    /// The wrong rules of verification.
    pub const OF_VERIFICATION: [Self; 7] = [
        Self::ComparedUnsettled,
        Self::DifferenceUnseen,
        Self::MendedByRemoval,
        Self::MendedUnproven,
        Self::MendedUncounted,
        Self::VerificationUnpaced,
        Self::OneOwnerVerified,
    ];

    /// The wrong rules of damaged shards.
    pub const OF_DAMAGE: [Self; 2] = [Self::DamagedServed, Self::EmptiedUnasked];

    /// The wrong rules of coordination.
    pub const COORDINATION: [Self; 23] = [
        Self::ContextIgnored,
        Self::HintCountsAsOwner,
        Self::RepeatedAnswerCounts,
        Self::StandInsCountAsOwners,
        Self::OneStandsInForAll,
        Self::VisitsForgotten,
        Self::VisitorNotSealed,
        Self::VisitorNameReused,
        Self::UnheldExpires,
        Self::HintDroppedWhenSent,
        Self::TimeoutNotHinted,
        Self::LostWriteHandedOn,
        Self::LocalMetElsewhere,
        Self::RemovalLooksHereOnly,
        Self::SessionsTakeKeys,
        Self::RestForgotten,
        Self::RelayCountsForAll,
        Self::RelayKeepsToItself,
        Self::LostRelayNotReplaced,
        Self::WritesHedged,
        Self::RepairedLater,
        Self::RestNeverAsked,
        Self::DeadlineIgnored,
    ];
}

#[cfg(feature = "mutation")]
impl<S> Node<S> {
    /// Breaks one rule.
    pub const fn mutate(&mut self, mutation: Option<Mutation>) {
        self.mutation = mutation;
    }

    pub(crate) fn is_mutated(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }
}

#[cfg(not(feature = "mutation"))]
#[expect(clippy::unused_self, reason = "the same calls as with the feature")]
impl<S> Node<S> {
    #[inline]
    pub(crate) const fn is_mutated(&self, _mutation: Mutation) -> bool {
        false
    }
}
