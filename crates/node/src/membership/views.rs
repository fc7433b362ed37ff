//! Views: how they spread, when they are acted on, and when a change of members is complete.
//!
//! A node tells its peers by which view it acts, before anything else it says by that view; links
//! keep the order. So a coordinator knows by which view an answer was given, and counts answers
//! only while both sides act by one view. Rosters travel when their hashes differ.
//!
//! Rules: a view is settled when everybody who can be reached acts by it, or after a while; until
//! then the owners by earlier views count as well. Who joins becomes active, and who leaves is
//! removed, when every new owner holds its shards whole. Whoever seems to be down stays a member.

use causality::{Incarnation, Millis, NodeId};
use placement::{Change, Epoch, MemberId, MemberState, ViewHash};
use storage::Store;
use wire::{Message, News, Roster, RosterHash};

use super::{Liveness, roster};
use crate::event::Outbox;
use crate::mutation::Mutation;
use crate::node::Node;
use crate::topology::is_at_rest;

/// After how many rounds of gossip a view is acted on though somebody who seems to live has not
/// said that it has it.
const SETTLE_ROUNDS: u64 = 30;

/// For how many rounds after its start, or after a change, a node waits for peers to be heard of
/// at all.
const GRACE_ROUNDS: u64 = 3;

/// The most members: ids are never used again, and each is remembered.
const MEMBERS_MAX: usize = 16_384;

/// The key under which a node publishes by which view it acts.
const VIEW_KEY: &str = "view";

/// A member, as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberStatus {
    /// Which node.
    pub id: NodeId,
    /// How far it is on its way in or out.
    pub state: MemberState,
    /// The datacenter it stands in.
    pub datacenter: String,
    /// The rack it stands in.
    pub rack: String,
    /// Where clients connect, if known.
    pub redis: String,
    /// Where peers connect, if known.
    pub peers: String,
    /// How it seems to be.
    pub liveness: Liveness,
    /// Whether it acts by the view of this node.
    pub agrees: bool,
}

impl<S: Store> Node<S> {
    /// Returns every member that ever was, by rising id; this node too.
    #[must_use]
    pub fn members(&self) -> Vec<MemberStatus> {
        let roster = &self.membership.roster;
        let member = |one: &placement::Member| {
            let id = NodeId(one.id.0);
            let contact = roster::contact(roster, id).cloned().unwrap_or_default();
            MemberStatus {
                id,
                state: one.state,
                datacenter: one.datacenter.clone(),
                rack: one.rack.clone(),
                redis: contact.redis,
                peers: contact.peers,
                liveness: self.liveness(id),
                agrees: self.has_view(id),
            }
        };
        roster.view.members().map(member).collect()
    }

    /// Says whether a node is a member, or was one.
    #[must_use]
    pub fn has_member(&self, node: NodeId) -> bool {
        self.membership.roster.view.get(MemberId(node.0)).is_some()
    }

    /// Returns a number that grows with every change of what is known of the members.
    #[must_use]
    pub const fn members_version(&self) -> u64 {
        self.membership.version
    }

    /// Returns what this node knows of the members, for one that is admitted.
    #[must_use]
    pub fn roster(&self) -> Roster {
        self.membership.roster.clone()
    }

    /// Returns the hash of the view by which this node acts.
    #[must_use]
    pub const fn view_hash(&self) -> ViewHash {
        self.membership.view_hash
    }

    /// Returns how often the view has changed.
    #[must_use]
    pub const fn view_epoch(&self) -> Epoch {
        self.membership.roster.view.epoch()
    }

    /// How far this node itself is on its way in or out.
    #[must_use]
    pub fn own_state(&self) -> MemberState {
        let own = self.membership.roster.view.get(MemberId(self.config.me.0));
        own.map_or(MemberState::Removed, |own| own.state)
    }

    /// The owners of every shard whom reads ask, by rising shard.
    #[must_use]
    pub fn owners(&self) -> Vec<Vec<NodeId>> {
        let owners = |shard| self.topology.owners(shard).iter().map(|one| one.node).collect();
        (0..self.topology.shard_count()).map(owners).collect()
    }

    /// Tells a peer by which view this node acts. Nothing is said by a view before this.
    pub(crate) fn tell_view(&self, peer: NodeId, out: &mut Outbox) {
        let (view, roster) = (self.membership.view_hash, self.membership.roster_hash);
        self.send(peer, Message::Gossip(News::Views { view, roster }.encode()), out);
    }

    /// Tells every peer what has changed, if anything has.
    pub(crate) fn tell_views(&mut self, out: &mut Outbox) {
        if std::mem::take(&mut self.membership.is_news) {
            let peers: Vec<NodeId> = self.peers.keys().copied().collect();
            peers.into_iter().for_each(|peer| self.tell_view(peer, out));
        }
    }

    pub(super) fn publish_view(&mut self) {
        let mut value = self.membership.view_hash.0.to_le_bytes().to_vec();
        value.extend_from_slice(&self.membership.roster_hash.0.to_le_bytes());
        value.push(u8::from(self.transfers.is_whole()));
        self.publish_value(VIEW_KEY, &value);
    }

    /// The view by which a node acts, and whether it holds its shards whole, as it published.
    fn published(&self, node: NodeId) -> Option<(ViewHash, RosterHash, bool)> {
        let value = self.membership.gossip.get(gossip::NodeId(node.0), VIEW_KEY)?;
        let (view, rest) = value.split_first_chunk()?;
        let (roster, rest) = rest.split_first_chunk()?;
        let hashes = [view, roster].map(|bytes| u64::from_le_bytes(*bytes));
        Some((ViewHash(hashes[0]), RosterHash(hashes[1]), rest.first() == Some(&1)))
    }

    pub(super) fn take_views(
        &mut self,
        now: Millis,
        from: NodeId,
        view: ViewHash,
        roster: RosterHash,
        out: &mut Outbox,
    ) {
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.view = Some(view);
        }
        if roster != self.membership.roster_hash {
            let news = News::Roster(self.membership.roster.clone());
            self.send(from, Message::Gossip(news.encode()), out);
        }
        if view == self.membership.view_hash {
            self.recheck_calls(now, out);
        }
    }

    /// Takes what a peer knows; one that knows less is told.
    pub(super) fn take_roster(
        &mut self,
        now: Millis,
        from: NodeId,
        theirs: &Roster,
        out: &mut Outbox,
    ) {
        let mut merged = self.membership.roster.clone();
        let change = roster::merge(&mut merged, theirs);
        let is_usable = merged.view.members().len() <= MEMBERS_MAX
            && self.topology.change_to(&merged.view).is_ok();
        if change == Change::Changed && is_usable {
            self.take_over(now, merged, out);
        } else if change == Change::Nothing && roster::hash(theirs) != self.membership.roster_hash {
            let news = News::Roster(self.membership.roster.clone());
            self.send(from, Message::Gossip(news.encode()), out);
        }
    }

    /// Acts by another roster from now on.
    pub(crate) fn take_over(&mut self, now: Millis, mut roster: Roster, out: &mut Outbox) {
        let me = self.config.me;
        let known = roster::contact(&roster, me).map_or(0, |contact| contact.life);
        self.heed_life(now, Incarnation(known), out);
        let has_lost_all =
            self.membership.is_new && known != 0 && known < self.config.incarnation.0;
        roster::put_configured(&mut roster, now, &self.config);
        let is_same_view = roster.view.hash() == self.membership.view_hash;
        self.membership.view_hash = roster.view.hash();
        self.membership.roster_hash = roster::hash(&roster);
        self.membership.roster = roster;
        self.membership.version += 1;
        self.membership.is_news = true;
        if has_lost_all {
            self.membership.is_new = false;
            self.refill(now);
        }
        if !is_same_view {
            self.membership.since = now;
            self.follow_view(now, out);
        }
        self.tell_views(out);
    }

    fn follow_view(&mut self, now: Millis, out: &mut Outbox) {
        let view = self.membership.roster.view.clone();
        self.topology.move_on(&view).expect("a view is only taken over when it can be computed");
        let me = self.config.me.0;
        for member in view.members().filter(|member| member.id.0 != me) {
            self.peers.entry(NodeId(member.id.0)).or_default();
            let id = gossip::NodeId(member.id.0);
            let event = match member.state {
                MemberState::Removed => gossip::Event::PeerRemoved(id),
                _ => gossip::Event::PeerAdded(id),
            };
            self.gossip_event(now, event, out);
        }
        let gone = view.members().filter(|member| member.state == MemberState::Removed);
        gone.for_each(|member| self.retarget_hints(now, NodeId(member.id.0)));
        if self.is_mutated(Mutation::ActedUnsettled) {
            let _ = self.topology.settle(&view);
        }
        self.shards_changed(now, out);
        // The view is kept before anybody hears of it.
        out.is_checkpoint_due = true;
        self.tell_views(out);
        self.follow_calls(now, out);
    }

    /// What was kept for a node that was removed goes to the owners of today; what owners have in
    /// their logs they compare anyway.
    fn retarget_hints(&mut self, now: Millis, gone: NodeId) {
        self.hints.forget(gone);
        let owners = |shard| self.topology.everyone(shard).to_vec();
        let hints = self.visits.retarget(gone, owners);
        hints.into_iter().for_each(|(owner, named)| self.hint(now, owner, named));
    }

    /// Whether a node acts by this node's view, as far as it has said on this link or in public.
    pub(crate) fn has_view(&self, node: NodeId) -> bool {
        let mine = Some(self.membership.view_hash);
        node == self.config.me
            || self.peers.get(&node).is_some_and(|peer| peer.view == mine)
            || self.published(node).map(|(view, ..)| view) == mine
    }

    /// Goes on with the present change of members, if that is possible.
    pub(crate) fn advance_view(&mut self, now: Millis, out: &mut Outbox) {
        self.remove_by_detector(now, out);
        self.ask_for_rosters(out);
        if !self.is_view_settled(now) {
            return;
        }
        let view = self.membership.roster.view.clone();
        if self.topology.settle(&view) == Change::Changed {
            self.shards_changed(now, out);
        }
        if !self.gainers_are_whole() {
            return;
        }
        if !is_at_rest(&view) {
            let roster = Roster { view: view.settled(), ..self.membership.roster.clone() };
            self.take_over(now, roster, out);
        } else if view != self.membership.base {
            self.topology.rest_on(&view).expect("it is the view by which this node acts");
            self.membership.base = view;
        }
    }

    pub(crate) fn is_member(&self, node: NodeId) -> bool {
        let member = self.membership.roster.view.get(MemberId(node.0));
        member.is_some_and(|member| member.state != MemberState::Removed)
    }

    pub(crate) fn is_in_my_datacenter(&self, node: NodeId) -> bool {
        let view = &self.membership.roster.view;
        let datacenter = |node: NodeId| view.get(MemberId(node.0)).map(|one| &one.datacenter);
        datacenter(node) == datacenter(self.config.me)
    }

    /// Whether this node acts by a view that everybody who can be reached has, or has waited.
    pub(crate) fn is_view_settled(&self, now: Millis) -> bool {
        let age = now.minus(self.membership.since.0).0;
        if age >= self.rounds_ms(SETTLE_ROUNDS) || self.is_mutated(Mutation::ActedUnsettled) {
            return true;
        }
        let grace = self.rounds_ms(GRACE_ROUNDS);
        let view = &self.membership.roster.view;
        let counted = view.members().filter(|member| member.state != MemberState::Removed);
        let mut others = counted.map(|member| NodeId(member.id.0));
        others.all(|node| self.has_view(node) || (age >= grace && !self.seems_alive(node)))
    }

    /// How long so many rounds of gossip take.
    pub(crate) const fn rounds_ms(&self, rounds: u64) -> u64 {
        self.config.gossip.interval_ms.saturating_mul(rounds)
    }

    /// Whether everybody who fetches shards has them.
    fn gainers_are_whole(&self) -> bool {
        let mine = self.membership.view_hash;
        let is_whole = |node: &NodeId| match *node == self.config.me {
            true => self.transfers.is_whole(),
            false => matches!(self.published(*node), Some((view, _, true)) if view == mine),
        };
        let is_rest_whole = self.is_mutated(Mutation::ServedBeforeReady);
        is_rest_whole || self.topology.gainers().iter().chain([&self.config.me]).all(is_whole)
    }

    pub(crate) fn seems_alive(&self, node: NodeId) -> bool {
        let seems = self.membership.gossip.liveness(gossip::NodeId(node.0));
        self.is_reachable(node)
            || matches!(seems, gossip::Liveness::Alive | gossip::Liveness::Suspect)
    }

    /// Says again by which view this node acts to those who published another roster: messages
    /// may have been lost.
    fn ask_for_rosters(&mut self, out: &mut Outbox) {
        let mine = self.membership.roster_hash;
        let differs =
            |node: &NodeId| self.published(*node).is_some_and(|(_, roster, _)| roster != mine);
        let peers: Vec<NodeId> = self.peers.keys().copied().filter(differs).collect();
        peers.into_iter().for_each(|peer| self.tell_view(peer, out));
    }

    /// A known-wrong rule: see [`Mutation::DetectorRemoves`].
    fn remove_by_detector(&mut self, now: Millis, out: &mut Outbox) {
        if !self.is_mutated(Mutation::DetectorRemoves) {
            return;
        }
        let is_gone = |node: &NodeId| {
            let seems = self.membership.gossip.liveness(gossip::NodeId(node.0));
            seems == gossip::Liveness::Down
        };
        let gone: Vec<NodeId> = self.peers.keys().copied().filter(is_gone).collect();
        let mut roster = self.membership.roster.clone();
        for node in gone {
            let _ = roster.view.advance(MemberId(node.0), MemberState::Removed);
        }
        if roster.view.hash() != self.membership.view_hash {
            self.take_over(now, roster, out);
        }
    }
}
