//! Virtual time, network, disks and clocks around the production node; workloads and checkers.
//!
//! A run is a function of its seed. The seed draws a [`Setup`] (how many nodes, which faults, which
//! commands, how disks flush) and a [`Plan`] (what happens when); the plan is then carried out on
//! production nodes over the durable store on simulated disks, and checkers hold the cluster to
//! what its clients were told. A plan that fails can be shrunk, told line by line, and run again.
//!
//! To add a fault: one file in `faults/` and one line in its menu. To add a checker: one file in
//! `check/` and one line in its list.

mod check;
mod clients;
mod clock;
mod deeds;
#[cfg(test)]
mod demonstrations;
mod faults;
mod history;
mod links;
mod machine;
mod measures;
mod mutation;
mod network;
mod observed;
mod operator;
mod page;
mod plan;
mod plot;
mod profile;
mod run;
mod sessions;
mod setup;
mod shrink;
mod survey;
mod tell;
mod trace;
mod world;

pub use measures::{Measures, Moment, Path, Sent, percentile};
#[cfg(feature = "mutation")]
pub use mutation::Mutation;
pub use page::page;
pub use plan::{Outage, Plan};
pub use plot::{Line, Plot};
pub use profile::Profile;
pub use run::{Failure, Report, Violation, carry_out, measure, replay, run};
pub use setup::{Delay, Noise, Setup};
pub use shrink::shrink;
