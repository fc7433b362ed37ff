//! Events and messages in words, for the trace.

use causality::{Actor, Clock, Counters};
use cells::OwnedOp;
use node::{Event, Outbox};
use wire::Message;
use wire::shard::GroupsGiven;

/// A number that tells kinds of events apart.
pub(crate) const fn number(event: &Event) -> u64 {
    match event {
        Event::Called { .. } => 1,
        Event::Received { message, .. } => 0x100 + message.kind() as u64,
        Event::LinkUp(_) => 2,
        Event::LinkDown(_) => 3,
        Event::Woken => 4,
    }
}

/// An event; nothing for one that is told elsewhere.
pub(crate) fn event(event: &Event) -> Option<String> {
    match event {
        Event::Called { .. } => None,
        Event::Received { from, message } => Some(format!("<- n{} {}", from.0, words(message))),
        Event::LinkUp(peer) => Some(format!("link to n{} up", peer.0)),
        Event::LinkDown(peer) => Some(format!("link to n{} down", peer.0)),
        Event::Woken => Some("wakes".into()),
    }
}

/// What a turn sends and answers.
pub(crate) fn outbox(out: &Outbox) -> String {
    let mut text = String::new();
    for (to, message) in &out.sends {
        text += &format!("; -> n{} {:?}", to.0, message.kind());
    }
    for (request, outcome) in &out.replies {
        text += &format!("; #{} {outcome:?}", request.0 & 0xffff_ffff);
    }
    text
}

fn words(message: &Message) -> String {
    let kind = message.kind();
    match message {
        Message::Replicate { shard, ops, .. } => {
            format!("{kind:?} shard {}: {}", shard.0, dots(ops))
        }
        Message::Acknowledged { shard, outcome, .. } => {
            format!("{kind:?} shard {}: {outcome:?}", shard.0)
        }
        Message::Wanted { shard, wanted, .. } => {
            format!("{kind:?} shard {}, has {}", shard.0, clock(&wanted.applied))
        }
        Message::KeysWanted { shard, keys, .. } => {
            let keys: Vec<_> = keys.iter().map(|key| key.key.escape_ascii().to_string()).collect();
            format!("{kind:?} shard {}: {}", shard.0, keys.join(" "))
        }
        Message::Given { shard, given, .. } => {
            format!("{kind:?} shard {}: {}", shard.0, groups(given))
        }
        Message::Beat { root, .. } => format!("{kind:?} {root:?}"),
        Message::StateOpened { shard, opened, .. } => {
            format!("{kind:?} shard {}, has {}", shard.0, clock(&opened.applied))
        }
        Message::CellsGiven { shard, cells, .. } => {
            format!("{kind:?} shard {}: {} cells", shard.0, cells.cells.len())
        }
        _ => format!("{kind:?}"),
    }
}

fn dots(ops: &[OwnedOp]) -> String {
    let dots: Vec<String> = ops.iter().map(|op| op.dot.to_string()).collect();
    dots.join(" ")
}

fn groups(given: &GroupsGiven) -> String {
    match given {
        GroupsGiven::Groups { groups, rest, .. } => {
            let members = groups.iter().flat_map(|group| &group.members);
            let dots: Vec<String> = members.map(|member| member.dot.to_string()).collect();
            format!("{}, then {rest:?}", dots.join(" "))
        }
        GroupsGiven::StateNeeded => "state needed".into(),
        GroupsGiven::SealedNeeded => "sealed needed".into(),
    }
}

/// A clock, as people write it: `n1.1:1-8 n2.1:3,5-7`.
pub(crate) fn clock(clock: &Clock) -> String {
    let actor = |(actor, counters): (Actor, &Counters)| {
        let run = |first: u64, last: u64| match first == last {
            true => format!("{first}"),
            false => format!("{first}-{last}"),
        };
        let runs: Vec<String> = counters.spans().map(|span| run(span.first, span.last)).collect();
        format!("{actor}:{}", runs.join(","))
    };
    let actors: Vec<String> = clock.iter().map(actor).collect();
    if actors.is_empty() { "nothing".into() } else { actors.join(" ") }
}
