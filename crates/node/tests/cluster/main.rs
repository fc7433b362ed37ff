//! A few nodes in one process: virtual time, a network that delays, cuts and loses.

#![expect(unreachable_pub, reason = "a test binary has no outside")]
#![expect(clippy::unwrap_used, reason = "a test reports and stops")]

mod batches;
mod behaviour;
mod churn;
mod costs;
mod damage;
mod exchange;
mod freshness;
mod hedges;
mod hints;
mod housekeeping;
mod ledger;
mod leftovers;
mod liveness;
mod lives;
mod net;
mod promises;
mod reads;
mod relays;
mod repairs;
mod resolving;
mod scenarios;
mod sessions;
mod shards;
mod types;
mod verification;
