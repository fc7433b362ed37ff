//! Taking what is missing on one key alone, and what the key must then show.

use causality::{Clock, Dot};
use cells::KeyAddress;
use replica::{Condition, ReplicaError, SealedDetail};
use wire::shard::{GroupsGiven, Rest};

use super::{Found, World};
use crate::checks::{Live, live_by_history, touches};

impl World {
    pub(super) fn exchange_key(&mut self) -> Found {
        let Some((taker, giver)) = self.some_pair() else { return Ok(()) };
        let cell = self.random_cell();
        let key = cell.borrow().key;
        let before = self.nodes[taker].replica.whole_clock();
        let Some(given) = self.ask_for_key(taker, giver, key)? else { return Ok(()) };
        let GroupsGiven::Groups { mut groups, rest, horizon, sealed } = given else {
            return Ok(());
        };
        if groups.iter().any(|group| !touches(group.cell.borrow(), key)) {
            return Err(format!("asked for {key:?}, given {groups:?}"));
        }
        if let Some(sealed) = sealed {
            self.learn_sealed(taker, &sealed)?;
        }
        self.mutate_groups(&mut groups);
        let expected = self.expected(taker, giver, key, before);
        self.take_groups(taker, giver, horizon, &groups, true)?;
        let now = self.nodes[taker].replica.whole_clock();
        let is_taken = groups.iter().flat_map(|g| &g.members).all(|m| now.contains(m.dot));
        let is_whole = rest == Rest::Nothing && is_taken;
        if self.profile.lossy || !is_whole || !self.is_serving(taker) {
            return Ok(());
        }
        self.check_key(taker, key, &expected)
    }

    fn is_serving(&self, at: usize) -> bool {
        self.nodes[at].replica.condition() == Condition::Serving
    }

    fn ask_for_key(
        &mut self,
        taker: usize,
        giver: usize,
        key: KeyAddress<'_>,
    ) -> Result<Option<GroupsGiven>, String> {
        for detail in [SealedDetail::Hash, SealedDetail::Whole] {
            let asker = &self.nodes[taker].replica;
            let (wanted, keys) = (asker.want_groups(1 << 20, detail), asker.key_sums([key]));
            let node = &mut self.nodes[giver];
            match node.replica.give_key_groups(&mut node.store, &wanted, &keys) {
                Ok(GroupsGiven::SealedNeeded) => {}
                Ok(given) => return Ok(Some(given)),
                Err(ReplicaError::Fetching) => return Ok(None),
                Err(error) => return Err(format!("give for a key: {error}")),
            }
        }
        Err("asked for what is sealed again and again".into())
    }

    /// What the taker had, and what the giver has on the key.
    fn expected(&self, taker: usize, giver: usize, key: KeyAddress<'_>, mut clock: Clock) -> Clock {
        let theirs = self.nodes[giver].replica.whole_clock();
        let is_new = |dot: &&Dot| theirs.contains(**dot);
        let dots = self.ops.keys().filter(is_new);
        dots.filter(|dot| touches(self.ops[dot].cell.borrow(), key))
            .for_each(|dot| _ = clock.insert(*dot));
        clock.union(&self.nodes[taker].replica.whole_clock());
        clock
    }

    /// The key shows what both know of it.
    fn check_key(&mut self, at: usize, key: KeyAddress<'_>, clock: &Clock) -> Found {
        let horizon = self.nodes[at].replica.horizon();
        let of_key = |live: Live| -> Live {
            live.into_iter().filter(|(cell, _)| cell.borrow().key == key).collect()
        };
        let expected = of_key(live_by_history(&self.ops, clock, horizon));
        let held = of_key(self.nodes[at].live());
        if held == expected {
            return Ok(());
        }
        Err(format!("KEY: node {at} shows {held:?} for {key:?}, both know {expected:?}"))
    }
}
