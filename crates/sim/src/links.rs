//! Links: who can send to whom, as the nodes believe. A link breaks when a node dies or a way is
//! cut, its ends hear of it when the setup says, and it comes back when nothing stands between.

use std::collections::BTreeSet;

use node::Event;

use crate::world::{Due, World};

/// How long it takes to connect again.
const CONNECT_MS: u64 = 20;

/// How often nodes that do not know each other try.
const ACQUAINT_MS: u64 = 200;

/// The ends that believe in a link: who, and with whom.
pub(crate) type Believed = BTreeSet<(usize, usize)>;

impl World<'_> {
    /// Cuts the way from one node to another.
    pub(crate) fn cut(&mut self, from: usize, to: usize) {
        self.network.cut(self.way(from, to));
        self.notice_later(from, to);
    }

    /// Takes a cut away.
    pub(crate) fn mend(&mut self, from: usize, to: usize) {
        self.network.mend(self.way(from, to));
        self.after(CONNECT_MS, Due::Connect(from, to));
    }

    /// Lets the ends of a link find out that it is broken.
    pub(crate) fn notice_later(&mut self, left: usize, right: usize) {
        match self.setup.notice_ms {
            0 => self.notice(left, right),
            notice_ms => self.after(notice_ms, Due::Notice(left, right)),
        }
    }

    /// The ends of a link find out that it is broken, if it still is.
    pub(crate) fn notice(&mut self, left: usize, right: usize) {
        if self.is_whole(left, right) {
            self.connect(left, right);
        } else {
            self.break_link(left, right);
        }
    }

    fn break_link(&mut self, left: usize, right: usize) {
        self.network.reset(self.machines[left].id, self.machines[right].id);
        for (at, other) in [(left, right), (right, left)] {
            if self.believed.remove(&(at, other)) {
                let other = self.machines[other].id;
                self.event(at, Event::LinkDown(other));
            }
        }
    }

    /// Makes the link between two nodes, anew if only one of them believes in it.
    pub(crate) fn connect(&mut self, left: usize, right: usize) {
        let ends = [(left, right), (right, left)];
        if self.is_whole(left, right) && !self.are_acquainted(left, right) {
            self.after(ACQUAINT_MS, Due::Connect(left, right));
            return;
        }
        if !self.is_whole(left, right) || ends.iter().all(|end| self.believed.contains(end)) {
            return;
        }
        self.break_link(left, right);
        for (at, other) in ends {
            self.believed.insert((at, other));
            let other = self.machines[other].id;
            self.event(at, Event::LinkUp(other));
        }
    }

    fn is_whole(&self, left: usize, right: usize) -> bool {
        let is_cut = |from, to| self.network.is_cut(self.way(from, to));
        let is_up = |at: usize| self.machines[at].is_up();
        is_up(left) && is_up(right) && !is_cut(left, right) && !is_cut(right, left)
    }
}
