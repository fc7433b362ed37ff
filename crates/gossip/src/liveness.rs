//! Who seems to be alive: the table of peers, suspicion, local health, and rumours about it.
//!
//! All of it is opinion. It says where to route and whom to hint, never who belongs to the cluster.

mod health;
mod peers;
mod probes;
mod rumors;
mod suspicion;

pub(crate) use health::Health;
pub(crate) use peers::{Origin, Peers, Status};
pub(crate) use probes::{Probe, Relayed, Relays};
pub(crate) use rumors::Rumors;
pub(crate) use suspicion::{Suspicion, SuspicionTimes};

/// How a node seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Liveness {
    /// Never heard in this generation, or only once: treat it as down.
    Unknown,
    /// It answers.
    Alive,
    /// It did not answer somebody; it has time to refute that. Treat it as alive.
    Suspect,
    /// It did not refute in time, or nobody could reach it.
    Down,
}
