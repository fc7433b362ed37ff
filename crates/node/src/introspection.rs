//! Everything a node can say of itself, as plain data: the one reading path of all surfaces.

use causality::Millis;
use storage::Store;

use crate::ledger::LedgerReport;
use crate::node::Node;
use crate::status::Status;

/// A node at this moment, with what it has measured since it started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introspection {
    /// What it is and whom it sees.
    pub status: Status,
    /// How long ago clocks are compared, so that writes under way do not look missing.
    pub lag_ms: u64,
    /// The convergence of its writes.
    pub ledger: LedgerReport,
    /// Values that met others on this node which their writers had not seen.
    pub conflicts: u64,
    /// Of those, the losers that a later write has removed.
    pub losers_removed: u64,
}

impl<S: Store> Node<S> {
    /// Looks at everything; this changes nothing.
    #[must_use]
    pub fn introspect(&self, now: Millis) -> Introspection {
        let datacenter_of = |node| {
            let mut members = self.config.members.iter();
            members.find(|member| member.id == node).map(|member| member.datacenter.clone())
        };
        let conflicts = self.replicas.values().map(replica::Replica::conflicts);
        let (conflicts, losers_removed) =
            conflicts.fold((0, 0), |sum, one| (sum.0 + one.met, sum.1 + one.losers_removed));
        Introspection {
            status: self.status(),
            lag_ms: self.exchange.lag.lag_ms(),
            ledger: self.ledger.report(self.steady_time(now), datacenter_of),
            conflicts,
            losers_removed,
        }
    }
}
