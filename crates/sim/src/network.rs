//! Messages under way: delayed, lost, doubled and overtaking each other as the setup says; lost in
//! cuts, held in clogs, late on slow links.
//!
//! A cut is of one direction. Cuts, clogs and slowness are counted, so that faults may overlap.

use std::collections::BTreeMap;

use causality::{Millis, NodeId};
use fastrand::Rng;
use wire::Message;

use crate::setup::{Delay, Noise};

/// The way from one node to another.
pub(crate) type Way = (NodeId, NodeId);

/// A message under way.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    pub(crate) message: Message,
}

/// What happened to messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fates {
    pub(crate) lost: u64,
}

#[derive(Debug)]
pub(crate) struct Network {
    rng: Rng,
    noise: Noise,
    under_way: BTreeMap<(Millis, u64), Arrival>,
    last_arrival: BTreeMap<Way, Millis>,
    cuts: BTreeMap<Way, u32>,
    slow_ms: BTreeMap<Way, u64>,
    clogs: BTreeMap<Way, u32>,
    held: Vec<Arrival>,
    number: u64,
    pub(crate) fates: Fates,
}

impl Network {
    pub(crate) fn new(seed: u64, noise: Noise) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            noise,
            under_way: BTreeMap::new(),
            last_arrival: BTreeMap::new(),
            cuts: BTreeMap::new(),
            slow_ms: BTreeMap::new(),
            clogs: BTreeMap::new(),
            held: Vec::new(),
            number: 0,
            fates: Fates::default(),
        }
    }

    /// Sends a message.
    pub(crate) fn send(&mut self, now: Millis, delay: &Delay, arrival: Arrival) {
        let way = (arrival.from, arrival.to);
        if self.cuts.contains_key(&way) || self.is_drawn(self.noise.lost_permille) {
            self.fates.lost += 1;
            return;
        }
        if self.clogs.contains_key(&way) {
            self.held.push(arrival);
            return;
        }
        // A request handed on is carried out once: links count their frames.
        let may_double = !matches!(arrival.message, Message::Forward { .. });
        if may_double && self.is_drawn(self.noise.doubled_permille) {
            self.put_under_way(now, delay, arrival.clone());
        }
        self.put_under_way(now, delay, arrival);
    }

    fn put_under_way(&mut self, now: Millis, delay: &Delay, arrival: Arrival) {
        let way = (arrival.from, arrival.to);
        let slow_ms = self.slow_ms.get(&way).copied().unwrap_or(0);
        let mut at = now.plus(delay.draw(&mut self.rng) + slow_ms);
        if !self.is_drawn(self.noise.overtaking_permille) {
            let last = self.last_arrival.entry(way).or_default();
            *last = at.max(*last);
            at = *last;
        }
        self.number += 1;
        self.under_way.insert((at, self.number), arrival);
    }

    fn is_drawn(&mut self, permille: u32) -> bool {
        permille > 0 && self.rng.u32(0..1000) < permille
    }

    /// Takes the next message that has arrived by now.
    pub(crate) fn next_arrival(&mut self, now: Millis) -> Option<Arrival> {
        let first = self.under_way.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// When the next message arrives.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.under_way.keys().next().map(|(at, _)| *at)
    }

    /// Cuts a way; what is on it is lost.
    pub(crate) fn cut(&mut self, way: Way) {
        *self.cuts.entry(way).or_default() += 1;
        self.lose(|other| other == way);
    }

    /// Takes one cut away.
    pub(crate) fn mend(&mut self, way: Way) {
        count_down(&mut self.cuts, way);
    }

    pub(crate) fn is_cut(&self, way: Way) -> bool {
        self.cuts.contains_key(&way)
    }

    /// Holds everything that is sent from now on.
    pub(crate) fn clog(&mut self, way: Way) {
        *self.clogs.entry(way).or_default() += 1;
    }

    /// Lets everything held arrive at once.
    pub(crate) fn unclog(&mut self, now: Millis, way: Way) {
        count_down(&mut self.clogs, way);
        if self.clogs.contains_key(&way) {
            return;
        }
        let held = std::mem::take(&mut self.held);
        let (free, held) = held.into_iter().partition(|held| (held.from, held.to) == way);
        self.held = held;
        for arrival in free {
            self.put_under_way(now, &Delay::between(1, 2), arrival);
        }
    }

    /// Makes a way slower, or, by less than nothing, quicker again.
    pub(crate) fn slow(&mut self, way: Way, by_ms: i64) {
        let held = self.slow_ms.entry(way).or_default();
        *held = held.saturating_add_signed(by_ms);
    }

    /// A link between two nodes is new: what was under way on an old one is lost.
    pub(crate) fn reset(&mut self, left: NodeId, right: NodeId) {
        self.lose(|way| way == (left, right) || way == (right, left));
    }

    /// A node is gone: what it sent and what was sent to it is lost.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.lose(|(from, to)| from == node || to == node);
    }

    fn lose(&mut self, is_lost: impl Fn(Way) -> bool) {
        let before = self.under_way.len() + self.held.len();
        self.under_way.retain(|_, arrival| !is_lost((arrival.from, arrival.to)));
        self.held.retain(|arrival| !is_lost((arrival.from, arrival.to)));
        self.fates.lost += (before - self.under_way.len() - self.held.len()) as u64;
    }
}

fn count_down(counts: &mut BTreeMap<Way, u32>, way: Way) {
    if let Some(count) = counts.get_mut(&way) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&way);
        }
    }
}
