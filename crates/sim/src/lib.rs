//! Virtual time, network and disks around the production node, with workloads and checkers.
//!
//! A run is a function of its seed: the same seed takes the same steps. Nodes run on the durable
//! store over simulated disks; a crash at any turn, or in the middle of a write, leaves what the
//! disk model says. Clients ask like real ones and remember what they were promised; the checkers
//! hold the cluster to it.

mod check;
mod clients;
mod network;
mod nodes;
mod run;
mod world;

pub use run::{Profile, Report, Violation, run};
