//! What goes wrong: one file per fault. A fault strikes, lasts for a while, and ends; several may
//! overlap, even two of a kind on one node.

mod clog;
mod crash;
mod cut;
mod double;
mod flush;
mod full;
mod jump;
mod members;
mod pause;
mod restore;
mod rot;
mod slow;
mod tear;
mod wipe;

use std::fmt;
use std::rc::Rc;

use fastrand::Rng;

use crate::plan::Outage;
use crate::setup::Setup;
use crate::world::World;

pub(crate) use crash::kill;
pub(crate) use cut::cut_off;
pub(crate) use jump::JUMP_MS_MAX;

/// Something that goes wrong for a while. Its debug text is its line in the trace.
pub(crate) trait Fault: fmt::Debug {
    /// How long it lasts.
    fn span_ms(&self) -> u64;

    /// It begins. An error is a cluster that does not come back.
    fn strike(&self, world: &mut World<'_>) -> Result<(), String>;

    /// It is over.
    fn end(&self, world: &mut World<'_>) -> Result<(), String>;
}

/// A fault on the menu.
struct Offer {
    name: &'static str,
    draw: fn(&mut Rng, &Setup) -> Rc<dyn Fault>,
}

/// Every fault there is.
const MENU: [Offer; 13] = [
    Offer { name: "cut", draw: cut::draw },
    Offer { name: "crash", draw: crash::draw },
    Offer { name: "tear", draw: tear::draw },
    Offer { name: "pause", draw: pause::draw },
    Offer { name: "jump", draw: jump::draw },
    Offer { name: "slow", draw: slow::draw },
    Offer { name: "clog", draw: clog::draw },
    Offer { name: "wipe", draw: wipe::draw },
    Offer { name: "restore", draw: restore::draw },
    Offer { name: "double", draw: double::draw },
    Offer { name: "rot", draw: rot::draw },
    Offer { name: "full", draw: full::draw },
    Offer { name: "flush", draw: flush::draw },
];

/// What an operator does to the members, which is no fault: only some worlds have one.
const OPERATOR: Offer = Offer { name: "members", draw: members::draw };

/// The names of all faults.
pub(crate) fn names() -> Vec<&'static str> {
    MENU.iter().map(|offer| offer.name).collect()
}

/// Draws one of the faults that a setup allows; there must be one.
pub(crate) fn draw(rng: &mut Rng, setup: &Setup) -> Rc<dyn Fault> {
    let name = setup.faults[rng.usize(0..setup.faults.len())];
    let offer = MENU.iter().chain([&OPERATOR]).find(|offer| offer.name == name);
    let offer = offer.unwrap_or_else(|| panic!("`{name}` is not on the menu of faults"));
    (offer.draw)(rng, setup)
}

/// How long most faults last: sometimes hardly, sometimes until the end.
fn span(rng: &mut Rng, setup: &Setup) -> u64 {
    match rng.u8(0..8) {
        0 => rng.u64(1..50),
        1 => setup.duration_ms,
        _ => rng.u64(50..4_000),
    }
}

/// Where the nodes of an outage stand in the world.
pub(crate) fn indices(outage: &Outage) -> Vec<usize> {
    outage.nodes.iter().map(|number| *number as usize - 1).collect()
}

fn any_node(rng: &mut Rng, setup: &Setup) -> usize {
    rng.usize(0..setup.node_count())
}
