//! The random steps: each changes the world a little, and reports what no step may meet.

use causality::{Actor, Clock, Dot, Dots, Millis, Sealed};
use cells::{Change, KeyAddress, OwnedBody};
use replica::{Condition, EVERY_KEY, Mutation, ReplicaError, Scrubbed, SealedDetail};
use wire::shard::{Detail, Group, GroupsGiven, StateCellsWanted};

use super::{Found, Step, Taking, World};

impl World {
    /// Takes one random step of the profile.
    pub fn step(&mut self) -> Found {
        self.now = self.now.plus(self.rng.u64(0..400));
        let total: u32 = self.profile.weights.iter().map(|(_, weight)| weight).sum();
        let mut draw = self.rng.u32(0..total);
        for (step, weight) in self.profile.weights {
            if draw < *weight {
                return self.take(*step);
            }
            draw -= weight;
        }
        unreachable!("the draw lies below the total")
    }

    fn take(&mut self, step: Step) -> Found {
        match step {
            Step::Mint => self.mint(),
            Step::Clear => self.clear(),
            Step::Deliver => self.deliver(),
            Step::DeliverAgain => self.deliver_again(),
            Step::Exchange => self.exchange_some(),
            Step::ExchangeKey => self.exchange_key(),
            Step::TakeState => self.take_state(),
            Step::Truncate => self.truncate(),
            Step::Prune => self.prune(),
            Step::Checkpoint => {
                let at = self.some_alive();
                self.nodes[at].checkpoint();
                Ok(())
            }
            Step::Crash => self.crash(),
            Step::Die => self.die(),
            Step::Join => self.join(),
            Step::LoseVersion => self.lose_version(),
            Step::Scrub => self.scrub(),
            Step::Verify => self.verify_some(),
            Step::Expire => self.expire(),
            Step::Seal => self.seal_some(),
        }
    }

    fn mint(&mut self) -> Found {
        let at = self.some_alive();
        let cell = self.random_cell();
        let seen = self.contexts.entry(cell.clone()).or_insert_with(|| vec![Dots::new()]);
        let mut removed = seen[self.rng.usize(0..seen.len())].clone();
        if self.rng.u8(0..10) < 4 {
            removed.extend(self.nodes[at].live_dots(&cell));
        }
        removed.sort_unstable();
        removed.dedup();
        let inserts = self.rng.u8(0..4) > 0;
        if !inserts && removed.is_empty() {
            return Ok(());
        }
        let expires = self.profile.expiring && self.rng.u8(0..3) == 0;
        let now = self.clock_of(at);
        let expiry = expires.then(|| now.plus(self.rng.u64(0..12_000)));
        let payload: Vec<u8> = (0..self.rng.usize(0..6)).map(|_| self.rng.u8(..)).collect();
        let insert = inserts.then_some((payload, expiry));
        let change = Change { column: cell.column.to_vec(), removed, insert };
        let node = &mut self.nodes[at];
        let minted = node.replica.mint(&mut node.store, now, cell.borrow().key, change);
        let dots = node.live_dots(&cell);
        let seen = self.contexts.get_mut(&cell).expect("made above");
        seen.push(dots);
        if seen.len() > 6 {
            seen.remove(0);
        }
        self.minted(at, minted)
    }

    fn clear(&mut self) -> Found {
        let at = self.some_alive();
        let cell = self.random_cell();
        let whole = self.rng.u8(0..4) == 0;
        let key: &[u8] = if whole { &[] } else { &cell.key };
        let key = KeyAddress { keyspace: cell.keyspace, key };
        let now = self.clock_of(at);
        let node = &mut self.nodes[at];
        let minted = node.replica.mint_clear(&mut node.store, now, key);
        self.minted(at, minted)
    }

    /// Records a new operation and sends it to some of the others.
    fn minted(&mut self, at: usize, minted: Result<cells::OwnedOp, ReplicaError>) -> Found {
        let op = match minted {
            Ok(op) => op,
            Err(ReplicaError::Fetching | ReplicaError::Quarantined) => return Ok(()),
            Err(error) => return Err(format!("mint: {error}")),
        };
        self.note(|| format!("node {at} mints {op:?}"));
        let dot = op.dot;
        for other in self.alive() {
            if other != at && self.rng.bool() {
                self.network.push((other, dot));
            }
        }
        match self.ops.insert(dot, op) {
            Some(_) => Err(format!("I1: {dot} minted twice")),
            None => Ok(()),
        }
    }

    fn deliver(&mut self) -> Found {
        if self.network.is_empty() {
            return Ok(());
        }
        let at = self.rng.usize(0..self.network.len());
        let (to, dot) = self.network.swap_remove(at);
        self.deliver_to(to, dot)
    }

    fn deliver_again(&mut self) -> Found {
        let dots: Vec<Dot> = self.ops.keys().copied().collect();
        if dots.is_empty() {
            return Ok(());
        }
        let dot = dots[self.rng.usize(0..dots.len())];
        let to = self.some_alive();
        self.deliver_to(to, dot)
    }

    fn deliver_to(&mut self, to: usize, dot: Dot) -> Found {
        if !self.nodes[to].is_alive {
            return Ok(());
        }
        let now = self.clock_of(to);
        let op = self.ops[&dot].clone();
        let node = &mut self.nodes[to];
        let applied = node.replica.apply(&mut node.store, now, &op.borrow());
        self.note(|| format!("node {to} gets {dot}: {applied:?}"));
        match applied {
            Ok(_) => self.mutate_context(to, &op.removed),
            Err(ReplicaError::Fetching | ReplicaError::Quarantined) => {}
            Err(ReplicaError::Frozen { .. }) => self.network.push((to, dot)),
            Err(ReplicaError::Sealed { .. }) => {
                let node = &mut self.nodes[to];
                let minted = node.replica.remint(&mut node.store, now, &op.borrow());
                self.reminted.extend(minted.iter().map(|op| op.dot));
                return self.minted(to, minted);
            }
            Err(error) => return Err(format!("apply: {error}")),
        }
        Ok(())
    }

    fn mutate_context(&mut self, at: usize, removed: &[Dot]) {
        if self.mutation == Some(Mutation::ContextCountsAsApplied) {
            let replica = &mut self.nodes[at].replica;
            let mut clock = replica.clock().clone();
            removed.iter().for_each(|dot| _ = clock.insert(*dot));
            replica.overwrite_clock(clock);
        }
    }

    fn exchange_some(&mut self) -> Found {
        let Some((taker, giver)) = self.some_pair() else { return Ok(()) };
        let is_cut = self.rng.u8(0..10) < 3;
        self.exchange(taker, giver, is_cut).map(|_| ())
    }

    /// One request and its answer; true when the taker needs the giver's state instead.
    pub fn exchange(&mut self, taker: usize, giver: usize, is_cut: bool) -> Result<bool, String> {
        let budget = if is_cut { 1 } else { 1 << 20 };
        let mut wanted = self.nodes[taker].replica.want_groups(budget, SealedDetail::Hash);
        let mut given = self.give(giver, &wanted)?;
        if given == Some(GroupsGiven::SealedNeeded) {
            wanted = self.nodes[taker].replica.want_groups(budget, SealedDetail::Whole);
            given = self.give(giver, &wanted)?;
        }
        let Some(given) = given else { return Ok(false) };
        let GroupsGiven::Groups { mut groups, horizon, sealed, .. } = given else {
            return Ok(true);
        };
        if let Some(sealed) = sealed {
            self.learn_sealed(taker, &sealed)?;
        }
        if is_cut {
            groups.truncate(self.rng.usize(0..=groups.len()));
        }
        self.mutate_groups(&mut groups);
        self.take_groups(taker, giver, horizon, &groups, is_cut)?;
        Ok(false)
    }

    fn give(
        &mut self,
        giver: usize,
        wanted: &wire::shard::GroupsWanted,
    ) -> Result<Option<GroupsGiven>, String> {
        let node = &mut self.nodes[giver];
        match node.replica.give_groups(&mut node.store, wanted) {
            Ok(given) => Ok(Some(given)),
            Err(ReplicaError::Fetching) => Ok(None),
            Err(error) => Err(format!("give: {error}")),
        }
    }

    pub(super) fn take_groups(
        &mut self,
        taker: usize,
        giver: usize,
        horizon: Millis,
        groups: &[Group],
        is_cut: bool,
    ) -> Found {
        let now = self.clock_of(taker);
        let theirs = self.nodes[giver].replica.clock().clone();
        let node = &mut self.nodes[taker];
        let before = node.replica.clock().clone();
        let taken = node.replica.take_groups(&mut node.store, now, horizon, groups);
        self.note(|| format!("node {taker} takes from {giver}: {groups:?}: {taken:?}"));
        match taken {
            Ok(_) => {}
            Err(ReplicaError::Fetching | ReplicaError::Quarantined) => return Ok(()),
            // A loss, or a horizon that this node's clock does not allow yet.
            Err(ReplicaError::NoEvidence { dots }) => self.explain_no_evidence(taker, &dots)?,
            Err(error) => return Err(format!("take: {error}")),
        }
        for member in groups.iter().flat_map(|group| &group.members) {
            self.mutate_context(taker, &member.removed);
        }
        self.mutate_clock(taker, &before, &theirs, is_cut);
        Ok(())
    }

    fn explain_no_evidence(&self, taker: usize, dots: &[Dot]) -> Found {
        // What a frozen actor's operation would prove is not taken before that operation is.
        let is_frozen = self.nodes[taker].replica.frozen_actors().next().is_some();
        let expires = |dot: &Dot| match &self.ops[dot].body {
            OwnedBody::Insert { expiry, .. } => expiry.is_some(),
            _ => false,
        };
        if self.profile.lossy || is_frozen || dots.iter().all(expires) {
            return Ok(());
        }
        Err(format!("no evidence for {dots:?} without any loss"))
    }

    /// Splits groups, for the rule that looks at no evidence.
    pub(super) fn mutate_groups(&mut self, groups: &mut [Group]) {
        if self.mutation == Some(Mutation::DeadNeedsNoEvidence) && !self.profile.lossy {
            for group in groups {
                group.members.retain(|_| self.rng.u8(0..10) < 7);
            }
        }
    }

    fn mutate_clock(&mut self, taker: usize, before: &Clock, theirs: &Clock, is_cut: bool) {
        let replica = &mut self.nodes[taker].replica;
        let mut joined = replica.clock().clone();
        joined.union(theirs);
        match self.mutation {
            Some(Mutation::ClockJoinedAtEnd) if is_cut => replica.overwrite_clock(before.clone()),
            Some(Mutation::ClockJoinedUnseen) if is_cut => replica.overwrite_clock(joined),
            Some(Mutation::TruncatedMeansSuperseded) => replica.overwrite_clock(joined),
            _ => {}
        }
    }

    fn take_state(&mut self) -> Found {
        if self.takings.is_empty() || self.rng.u8(0..4) == 0 {
            let Some((taker, source)) = self.some_pair() else { return Ok(()) };
            return self.begin_taking(taker, source);
        }
        let at = self.rng.usize(0..self.takings.len());
        if self.rng.u8(0..12) == 0 {
            self.drop_taking(at);
            return Ok(());
        }
        let budget = self.rng.u32(1..200);
        self.continue_taking(at, budget)
    }

    pub fn begin_taking(&mut self, taker: usize, source: usize) -> Found {
        let (taker_now, source_now) = (self.clock_of(taker), self.clock_of(source));
        if self.nodes[taker].replica.condition() != Condition::Serving {
            return Ok(());
        }
        let horizon = self.nodes[taker].replica.horizon();
        let node = &mut self.nodes[source];
        let opened = match node.replica.open_image(&mut node.store, source_now, horizon) {
            Ok(opened) => opened,
            Err(
                ReplicaError::Fetching | ReplicaError::Quarantined | ReplicaError::HorizonAhead(_),
            ) => return Ok(()),
            Err(error) => return Err(format!("open image: {error}")),
        };
        let node = &mut self.nodes[taker];
        match node.replica.begin_taking(&mut node.store, taker_now, opened) {
            Ok(staged) => {
                let range = EVERY_KEY;
                self.takings.push(Taking { taker, source, staged, after: None, range });
                Ok(())
            }
            Err(ReplicaError::HorizonAhead(_)) => Ok(()),
            Err(error) => Err(format!("begin taking: {error}")),
        }
    }

    pub fn continue_taking(&mut self, at: usize, budget: u32) -> Found {
        let taking = &mut self.takings[at];
        let wanted = StateCellsWanted {
            session: taking.staged.opened().session,
            first: taking.range.first,
            last: taking.range.last,
            after: taking.after.clone(),
            detail: Detail::Values,
            budget,
        };
        let source = &mut self.nodes[taking.source];
        match source.replica.image_cells(&mut source.store, &wanted) {
            Ok(cells) => {
                taking.after = cells.next.clone();
                match taking.staged.stage(taking.range, cells) {
                    Ok(()) if taking.after.is_none() => self.publish(at),
                    Ok(()) => Ok(()),
                    Err(ReplicaError::ImageDamaged) if self.profile.lossy => {
                        self.drop_taking(at);
                        Ok(())
                    }
                    Err(error) => Err(format!("stage: {error}")),
                }
            }
            Err(ReplicaError::ImageGone | ReplicaError::Fetching | ReplicaError::Quarantined) => {
                self.drop_taking(at);
                Ok(())
            }
            Err(error) => Err(format!("image: {error}")),
        }
    }

    fn publish(&mut self, at: usize) -> Found {
        let taking = self.takings.remove(at);
        let session = taking.staged.opened().session;
        let node = &mut self.nodes[taking.taker];
        let published = node.replica.publish(&mut node.store, taking.staged);
        published.map_err(|error| format!("publish: {error}"))?;
        node.checkpoint();
        self.nodes[taking.source].replica.close_image(session);
        self.note(|| format!("node {} took the state of {}", taking.taker, taking.source));
        Ok(())
    }

    pub fn drop_taking(&mut self, at: usize) {
        let taking = self.takings.remove(at);
        self.nodes[taking.taker].replica.give_up_taking();
        let session = taking.staged.opened().session;
        self.nodes[taking.source].replica.close_image(session);
    }

    fn drop_takings_of(&mut self, node: usize) {
        while let Some(at) = self.takings.iter().position(|t| t.taker == node || t.source == node) {
            self.drop_taking(at);
        }
    }

    fn truncate(&mut self) -> Found {
        let at = self.some_alive();
        let node = &mut self.nodes[at];
        let actors: Vec<Actor> = node.replica.clock().iter().map(|(actor, _)| actor).collect();
        for actor in actors {
            let through = self.rng.u64(0..8);
            let done = node.replica.truncate_log(&mut node.store, actor, through);
            done.map_err(|error| format!("truncate: {error}"))?;
        }
        Ok(())
    }

    fn prune(&mut self) -> Found {
        let at = self.some_alive();
        let alive = self.alive();
        for other in &alive {
            let clock = self.nodes[*other].replica.whole_clock();
            let id = self.nodes[*other].id;
            if *other != at && self.rng.bool() {
                self.nodes[at].replica.report(id, clock);
            }
        }
        let owners: Vec<_> = alive.iter().map(|at| self.nodes[*at].id).collect();
        let node = &mut self.nodes[at];
        let done = node.replica.prune_log(&mut node.store, &owners);
        done.map_err(|error| format!("prune: {error}"))
    }

    fn crash(&mut self) -> Found {
        let at = self.some_alive();
        self.drop_takings_of(at);
        let now = self.clock_of(at);
        let tail = self.nodes[at].store.tail_len();
        let kept = self.rng.usize(0..=tail);
        self.nodes[at].crash(kept, now)?;
        self.note(|| format!("node {at} crashes, keeps {kept} of {tail}"));
        self.rounds_are_void();
        Ok(())
    }

    fn die(&mut self) -> Found {
        if self.alive().len() > 2 {
            let at = self.some_alive();
            self.drop_takings_of(at);
            self.nodes[at].is_alive = false;
            self.note(|| format!("node {at} dies"));
            self.rounds_are_void();
        }
        Ok(())
    }

    fn join(&mut self) -> Found {
        if self.alive().len() >= self.profile.nodes_max {
            return Ok(());
        }
        let contact = self.some_alive();
        let sealed = self.nodes[contact].replica.retired();
        self.add_node();
        let at = self.nodes.len() - 1;
        self.note(|| format!("node {at} joins"));
        self.rounds_are_void();
        self.learn_sealed(at, &sealed)?;
        let limits = self.nodes[contact].replica.limits();
        let learnt = self.nodes[at].replica.learn_limits(&limits);
        self.nodes[at].checkpoint();
        learnt.map_err(|error| format!("learn limits: {error}"))
    }

    pub fn learn_sealed(&mut self, at: usize, sealed: &Sealed) -> Found {
        let node = &mut self.nodes[at];
        match node.replica.learn_sealed(&mut node.store, sealed) {
            Ok(()) => {
                node.checkpoint();
                Ok(())
            }
            Err(ReplicaError::Fetching | ReplicaError::Quarantined) => Ok(()),
            Err(error) => Err(format!("learn sealed: {error}")),
        }
    }

    fn expire(&mut self) -> Found {
        let at = self.some_alive();
        let now = self.clock_of(at);
        let node = &mut self.nodes[at];
        match node.replica.expire(&mut node.store, now) {
            Ok(()) | Err(ReplicaError::Fetching | ReplicaError::Quarantined) => Ok(()),
            Err(error) => Err(format!("expire: {error}")),
        }
    }

    /// A row loses a version that another live replica holds. One replica at a time has losses:
    /// with two, what is left may not tell a lost version from a removed one, and a person decides.
    fn lose_version(&mut self) -> Found {
        let at = self.some_alive();
        let cell = self.random_cell();
        let dots = self.nodes[at].live_dots(&cell);
        let others: Vec<usize> = self.alive().into_iter().filter(|other| *other != at).collect();
        for other in &others {
            let node = &mut self.nodes[*other];
            let digest = node.digest();
            if node.replica.has_losses() || node.replica.summary().digest != digest {
                return Ok(());
            }
        }
        let is_elsewhere =
            |dot: &Dot| others.iter().any(|o| self.nodes[*o].live_dots(&cell).contains(dot));
        if let Some(dot) = dots.iter().copied().find(is_elsewhere) {
            self.nodes[at].lose(&cell, dot);
            self.note(|| format!("node {at} loses {dot}"));
        }
        Ok(())
    }

    fn scrub(&mut self) -> Found {
        let at = self.some_alive();
        self.scrub_node(at)
    }

    pub fn scrub_node(&mut self, at: usize) -> Found {
        let node = &mut self.nodes[at];
        if node.replica.condition() == Condition::Fetching {
            return Ok(());
        }
        let found = node.replica.scrub(&mut node.store).map_err(|error| format!("{error}"))?;
        if found != Scrubbed::Sound {
            let accepted = node.replica.accept_rows(&mut node.store);
            accepted.map_err(|error| format!("accept: {error}"))?;
        }
        Ok(())
    }

    fn verify_some(&mut self) -> Found {
        let Some((left, right)) = self.some_pair() else { return Ok(()) };
        self.verify(left, right)
    }

    /// Compares two replicas; whatever the giver holds live and the other does not is offered, also
    /// while one of them lacks operations: what those may have removed is refused.
    pub fn verify(&mut self, giver: usize, taker: usize) -> Found {
        let (mine, theirs) =
            (self.nodes[giver].replica.summary(), self.nodes[taker].replica.summary());
        if !self.nodes[giver].replica.has_losses() && self.nodes[taker].replica.confirm(&mine) {
            return Ok(());
        }
        let is_wrong_rule = self.mutation == Some(Mutation::ReinstatedUnproven);
        if !is_wrong_rule && mine.digest == theirs.digest {
            return Ok(());
        }
        for (cell, dots) in self.nodes[giver].live() {
            for (dot, _) in dots {
                let node = &mut self.nodes[giver];
                let Ok(given) = node.replica.give_back(&mut node.store, &cell, dot) else {
                    return Ok(());
                };
                let node = &mut self.nodes[taker];
                match node.replica.reinstate(&mut node.store, &given) {
                    Ok(())
                    | Err(
                        ReplicaError::NotReinstated { .. }
                        | ReplicaError::Fetching
                        | ReplicaError::Quarantined,
                    ) => {}
                    Err(error) => return Err(format!("reinstate: {error}")),
                }
            }
        }
        Ok(())
    }
}
