//! Slots, shards and which nodes own them: a pure, versioned function of the members.
//!
//! A key hashes to a [`Slot`], slots run in [shards](ShardId), and a [`Placement`] names the
//! owners of each shard in each datacenter. The members are a [`View`], which merges from any
//! side in any order. While members come and go, a [`Transition`] holds the owners of before and
//! of after, so that a request can satisfy its level in both; a [`Plan`] shows what would move.
//!
//! Invariants: equal views give equal tables on every machine and in every build (integer
//! arithmetic only, a version number in the view); owners in a datacenter are distinct nodes, in
//! distinct racks when there are as many racks as copies; no member owns more than 1.12 times its
//! fair share, or one shard above it; a single change moves little more than it must.
//!
//! Left to others: who is alive, when a view may be acted upon, moving the data, and deleting it.

mod matching;
mod member;
mod placement;
mod plan;
mod replication;
mod score;
mod shard;
mod share;
mod slot;
mod transition;
mod view;

pub use member::{Incarnation, Member, MemberId, MemberState, Weight};
pub use placement::{Placement, PlacementError, Successors, TableHash};
pub use plan::{Move, Plan, PlanError, Tally};
pub use replication::Replication;
pub use score::PlacementVersion;
pub use shard::{ShardCount, ShardCountError, ShardId};
pub use slot::{SLOT_COUNT, Slot};
pub use transition::Transition;
pub use view::{Change, Epoch, View, ViewError, ViewHash};
