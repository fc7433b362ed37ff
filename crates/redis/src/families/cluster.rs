//! `CLUSTER` and its companions: where the slots are, for clients that go to owners directly.
//!
//! Every owner takes reads and writes, which the protocol has no word for: the first owner is
//! called the master and the others its replicas, and a node is the master of what it comes first
//! in. No client is ever redirected, so a stale map costs a hop and nothing else.

use std::fmt::Write as _;

use causality::NodeId;
use resp::Writer;

use crate::Step;
use crate::command::{ANYTIME_FAST, Category, Command, Flag, Group};
use crate::families::documents::help_row;
use crate::families::keyspace::{COUNT_KEYS_IN_SLOT, GET_KEYS_IN_SLOT};
use crate::refusal::Refusal;
use crate::slot::{SLOT_COUNT, Slot};
use crate::turn::Turn;
use crate::view::{ClusterNode, ClusterView, Liveness, NodeName, SlotRange};

const STALE: &[Flag] = &[Flag::Stale];

const fn row(
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(Group::Cluster, name, arity, since, summary)
}

const fn part(
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    row(name, arity, since, summary).within("cluster").flags(STALE)
}

pub(crate) const COMMANDS: &[Command] = &[
    row("cluster", -2, "3.0.0", "A container for cluster commands").subcommands(&[
        COUNT_KEYS_IN_SLOT,
        GET_KEYS_IN_SLOT,
        part("info", 2, "3.0.0", "Provides info about Redis Cluster node state")
            .tips(&["nondeterministic_output"])
            .run(info),
        part("keyslot", 3, "3.0.0", "Returns the hash slot of the specified key").run(key_slot),
        part("myid", 2, "3.0.0", "Return the node id").run(my_id),
        part("nodes", 2, "3.0.0", "Get Cluster config for the node")
            .tips(&["nondeterministic_output"])
            .run(nodes),
        part("shards", 2, "7.0.0", "Get array of cluster slots to node mappings")
            .tips(&["nondeterministic_output"])
            .run(shards),
        part("slots", 2, "3.0.0", "Get array of Cluster slot to node mappings")
            .tips(&["nondeterministic_output"])
            .run(slots),
        help_row(Group::Cluster, "cluster"),
    ]),
    row("readonly", 1, "3.0.0", "Enables read queries for a connection to a cluster replica node")
        .flags(ANYTIME_FAST)
        .categories(&[Category::Connection])
        .run(accept),
    row(
        "readwrite",
        1,
        "3.0.0",
        "Disables read queries for a connection to a cluster replica node",
    )
    .flags(ANYTIME_FAST)
    .categories(&[Category::Connection])
    .run(accept),
    row("asking", 1, "3.0.0", "Sent by cluster clients after an -ASK redirect")
        .flags(&[Flag::Fast])
        .categories(&[Category::Connection])
        .run(accept),
];

/// Every node takes every command at any time, so these change nothing.
fn accept(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.ok()
}

fn key_slot(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let slot = Slot::of(turn.only()?);
    turn.writer.integer(i64::from(slot.0));
    Ok(Step::Reply)
}

fn my_id(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.writer.bulk(NodeName(turn.view.me).to_string().as_bytes());
    Ok(Step::Reply)
}

fn info(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let view = turn.view;
    let assigned: u32 = view.ranges.iter().map(SlotRange::count).sum();
    let is_reachable = |range: &&SlotRange| {
        let mut owners = owners(view, range);
        owners.any(|node| node.liveness == Liveness::Up)
    };
    let reachable: u32 = view.ranges.iter().filter(is_reachable).map(SlotRange::count).sum();
    let state = if reachable == u32::from(SLOT_COUNT) { "ok" } else { "fail" };
    let masters = view.nodes.iter().filter(|node| is_first_anywhere(view, node.id)).count();
    let lines = [
        ("cluster_state", state.to_owned()),
        ("cluster_slots_assigned", assigned.to_string()),
        ("cluster_slots_ok", reachable.to_string()),
        ("cluster_slots_pfail", "0".to_owned()),
        ("cluster_slots_fail", assigned.saturating_sub(reachable).to_string()),
        ("cluster_known_nodes", view.nodes.len().to_string()),
        ("cluster_size", masters.to_string()),
        // Epochs order elections of masters; there are none.
        ("cluster_current_epoch", "0".to_owned()),
        ("cluster_my_epoch", "0".to_owned()),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        write!(text, "{name}:{value}\r\n").expect("writing to memory cannot fail");
    }
    turn.writer.verbatim(*b"txt", text.as_bytes());
    Ok(Step::Reply)
}

fn nodes(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let mut text = String::new();
    for node in &turn.view.nodes {
        write_node_line(turn.view, node, &mut text).expect("writing to memory cannot fail");
    }
    turn.writer.verbatim(*b"txt", text.as_bytes());
    Ok(Step::Reply)
}

/// `id host:port@peer-port flags master ping pong epoch link slots...`
fn write_node_line(
    view: &ClusterView,
    node: &ClusterNode,
    text: &mut String,
) -> Result<(), std::fmt::Error> {
    let myself = if node.id == view.me { "myself," } else { "" };
    let (failed, link) = match node.liveness {
        Liveness::Up => ("", "connected"),
        Liveness::Down => (",fail", "disconnected"),
    };
    let ClusterNode { id, host, port, peer_port, .. } = node;
    let name = NodeName(*id);
    write!(text, "{name} {host}:{port}@{peer_port} {myself}master{failed} - 0 0 0 {link}")?;
    let is_first = |range: &&SlotRange| owners(view, range).next().map(|one| one.id) == Some(*id);
    for range in view.ranges.iter().filter(is_first) {
        if range.first == range.last {
            write!(text, " {}", range.first)?;
        } else {
            write!(text, " {}-{}", range.first, range.last)?;
        }
    }
    text.push('\n');
    Ok(())
}

fn slots(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let writer = &mut *turn.writer;
    writer.array(turn.view.ranges.len());
    for range in &turn.view.ranges {
        let owners: Vec<_> = owners(turn.view, range).collect();
        writer.array(2 + owners.len());
        writer.integer(i64::from(range.first));
        writer.integer(i64::from(range.last));
        for node in owners {
            writer.array(4);
            writer.bulk(node.host.as_bytes());
            writer.integer(i64::from(node.port));
            writer.bulk(NodeName(node.id).to_string().as_bytes());
            writer.map(0);
        }
    }
    Ok(Step::Reply)
}

/// Ranges with the same owners in the same order make one entry, as Redis groups by master.
fn shards(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let mut groups: Vec<(&[NodeId], Vec<&SlotRange>)> = Vec::new();
    for range in &turn.view.ranges {
        match groups.iter_mut().find(|(owners, _)| *owners == range.owners) {
            Some((_, ranges)) => ranges.push(range),
            None => groups.push((&range.owners, vec![range])),
        }
    }
    turn.writer.array(groups.len());
    for (_, ranges) in groups {
        turn.writer.map(2);
        turn.writer.bulk(b"slots");
        turn.writer.array(2 * ranges.len());
        for range in &ranges {
            turn.writer.integer(i64::from(range.first));
            turn.writer.integer(i64::from(range.last));
        }
        turn.writer.bulk(b"nodes");
        let owners: Vec<_> = ranges.iter().take(1).flat_map(|one| owners(turn.view, one)).collect();
        turn.writer.array(owners.len());
        for (index, node) in owners.into_iter().enumerate() {
            let role = if index == 0 { "master" } else { "replica" };
            write_shard_node(node, role, turn.writer);
        }
    }
    Ok(Step::Reply)
}

fn write_shard_node(node: &ClusterNode, role: &str, writer: &mut Writer<'_>) {
    let health = match node.liveness {
        Liveness::Up => "online",
        Liveness::Down => "fail",
    };
    writer.map(7);
    writer.bulk(b"id");
    writer.bulk(NodeName(node.id).to_string().as_bytes());
    writer.bulk(b"port");
    writer.integer(i64::from(node.port));
    writer.bulk(b"ip");
    writer.bulk(node.host.as_bytes());
    writer.bulk(b"endpoint");
    writer.bulk(node.host.as_bytes());
    writer.bulk(b"role");
    writer.bulk(role.as_bytes());
    writer.bulk(b"replication-offset");
    writer.integer(0);
    writer.bulk(b"health");
    writer.bulk(health.as_bytes());
}

/// The owners of a range: those that can be reached come first, so that clients which go to the
/// first one go on while it is gone.
fn owners<'a>(
    view: &'a ClusterView,
    range: &'a SlotRange,
) -> impl Iterator<Item = &'a ClusterNode> + use<'a> {
    let known = || range.owners.iter().filter_map(|id| view.node(*id));
    let is_up = |node: &&ClusterNode| node.liveness == Liveness::Up;
    known().filter(is_up).chain(known().filter(move |node| !is_up(node)))
}

fn is_first_anywhere(view: &ClusterView, id: NodeId) -> bool {
    view.ranges.iter().any(|range| range.owners.first() == Some(&id))
}
