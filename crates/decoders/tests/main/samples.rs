//! For each body, inputs as an honest writer would have made them.

use causality::{Context, ContextKey, ContextScope, Dot};
use cells::{Family, OwnedOp};
use codec::{put_slice, put_varint};
use decoders::put_part;
use fastrand::Rng;
use gossip::{
    ClusterHash, Event, Generation, Gossip, Identity, Message, Millis, NodeId, Outbox, Output,
};
use placement::{
    Epoch, Incarnation, Member, MemberId, MemberState, PlacementVersion, View, ViewHash, Weight,
};
use storage::{EntryId, ScanControl, Store};
use wire::{Contact, Kind, News, ProtocolVersion, Roster, ShardId, ShardReport, Standing};

use crate::honest::{self, Honest, SHARD};

/// Makes a sample for the body of a name.
pub(crate) fn of(name: &str, rng: &mut Rng) -> Vec<u8> {
    match name {
        "codec_values" => codec_values(rng),
        "client_context" => client_context(rng),
        "resp_requests" => resp_requests(rng),
        "resp_replies" => resp_replies(rng),
        "wire_stream" => wire_stream(rng),
        "wire_message" => wire_message(rng),
        "wire_news" => wire_news(rng),
        "merkle_walk" => (0..rng.usize(..200)).map(|_| rng.u8(..=9)).collect(),
        "replica_state" => replica_state(rng),
        "replica_records" => replica_records(rng),
        "replica_rows" => replica_rows(rng),
        "replica_peer" => replica_peer(rng),
        "cell_views" => cell_views(rng),
        other => panic!("no samples for {other}"),
    }
}

fn codec_values(rng: &mut Rng) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..rng.usize(..12) {
        let number = rng.u64(..) >> rng.u32(..64);
        put_varint(&mut out, number);
        put_slice(&mut out, &vec![1; rng.usize(..9)]);
    }
    out
}

fn client_context(rng: &mut Rng) -> Vec<u8> {
    let actors = [honest::pair(rng).0.replica.actor(), honest::pair(rng).1.replica.actor()];
    let mut dot = |_| Dot::new(*rng.choice(actors.iter()).unwrap(), rng.u64(1..1 << 40));
    let context = Context::new((0..6).map(&mut dot).collect::<Vec<_>>());
    let mut sealed =
        context.seal(&ContextKey::new([1; 16]), ContextScope { cluster: 1, shard: 1, key: 1 });
    sealed.truncate(sealed.len() - size_of::<u64>());
    sealed
}

fn resp_requests(rng: &mut Rng) -> Vec<u8> {
    let mut out = vec![rng.u8(..60), 0];
    for _ in 0..rng.usize(..5) {
        match rng.u8(..3) {
            0 => out.extend_from_slice(b"SET \"a b\" 'c'\r\n"),
            1 => out.extend_from_slice(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"),
            _ => out.extend_from_slice(b"*0\r\n\r\n"),
        }
    }
    out
}

fn resp_replies(rng: &mut Rng) -> Vec<u8> {
    const REPLIES: [&[u8]; 10] = [
        b"+OK\r\n",
        b"-ERR no\r\n",
        b":-12\r\n",
        b"$3\r\nabc\r\n",
        b"*2\r\n:1\r\n$-1\r\n",
        b"%1\r\n+a\r\n#t\r\n",
        b",1.5e3\r\n",
        b"(123456789012345678901\r\n",
        b"=7\r\ntxt:abc\r\n",
        b"|1\r\n+a\r\n:1\r\n_\r\n",
    ];
    (0..rng.usize(1..6)).flat_map(|_| REPLIES[rng.usize(..REPLIES.len())].to_vec()).collect()
}

fn wire_stream(rng: &mut Rng) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, body) in honest::messages(rng) {
        let length = u32::try_from(body.len() + 2).unwrap();
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&[ProtocolVersion::CURRENT.0, kind as u8]);
        out.extend_from_slice(&body);
        if rng.bool() {
            break;
        }
    }
    out
}

/// The byte by which bodies choose a kind.
fn choice_of(kind: Kind) -> u8 {
    let at = Kind::ALL.iter().position(|one| *one == kind).unwrap();
    u8::try_from(at).unwrap()
}

fn wire_message(rng: &mut Rng) -> Vec<u8> {
    let mut messages = honest::messages(rng);
    if messages.is_empty() {
        return Vec::new();
    }
    let (kind, mut body) = messages.swap_remove(rng.usize(..messages.len()));
    body.insert(0, choice_of(kind));
    body
}

/// What two gossip machines that know of each other say first.
fn wire_news(rng: &mut Rng) -> Vec<u8> {
    if rng.bool() {
        return views(rng);
    }
    let machine = |node: u32, peer: u32| {
        let me = Identity { node: NodeId(node), generation: Generation(u64::from(node) + 7) };
        let config = gossip::Config::new(ClusterHash(9));
        let mut machine = Gossip::new(Millis(0), config, me, u64::from(node)).unwrap();
        machine.set("view", &[node.to_le_bytes()[0]; 9]).unwrap();
        machine.handle(Millis(0), Event::PeerAdded(NodeId(peer)), &mut Outbox::new());
        machine
    };
    let mut machines = [machine(1, 2), machine(2, 1)];
    let mut said: Vec<Message> = Vec::new();
    for turn in 0..40 {
        let now = Millis(turn * 700);
        for at in 0..2 {
            let mut out = Outbox::new();
            machines[at].handle(now, Event::Woken, &mut out);
            let mut to = 1 - at;
            while let Some(message) = first_message(&mut out) {
                said.push(message.clone());
                out = Outbox::new();
                machines[to].handle(now, Event::Received(message), &mut out);
                to = 1 - to;
            }
        }
    }
    said.sort_by_key(|message| std::cmp::Reverse(message.size_estimate()));
    said.truncate(12);
    News::Rumours(rng.choice(said.iter()).unwrap().clone()).encode().into()
}

/// What nodes say about members and moving shards.
fn views(rng: &mut Rng) -> Vec<u8> {
    let (shard, view) = (ShardId(SHARD), ViewHash(rng.u64(..)));
    let news = match rng.u8(..3) {
        0 => News::Roster(roster(rng)),
        1 => News::ReportsWanted { view, shards: vec![shard; rng.usize(..5)] },
        _ => {
            let replica = told(rng).replica;
            let (clock, element_count) = (replica.whole_clock(), rng.u64(..900));
            let report = ShardReport { shard, standing: Standing::Ready, clock, element_count };
            News::Reports { view, reports: vec![report; rng.usize(..4)] }
        }
    };
    news.encode().into()
}

fn roster(rng: &mut Rng) -> Roster {
    let member = |id: u32| Member {
        id: MemberId(id),
        incarnation: Incarnation(id / 2),
        state: MemberState::from_code(1 + u8::try_from(id % 4).unwrap()).unwrap(),
        datacenter: "dc".into(),
        rack: format!("r{id}"),
        weight: Weight::default(),
    };
    let members: Vec<Member> = (1..rng.u32(2..6)).map(member).collect();
    let contact = Contact { stamp: 1, life: 3, redis: "a:1".into(), peers: "a:2".into() };
    let contacts = members.iter().map(|member| (member.id, contact.clone())).collect();
    Roster { view: View::restore(members, PlacementVersion::V1, Epoch(2)), contacts }
}

/// The first message of a turn; what else it had to say is lost, as messages may be.
fn first_message(out: &mut Outbox) -> Option<Message> {
    out.drain().find_map(|output| match output {
        Output::Send { message, .. } => Some(message),
        _ => None,
    })
}

fn replica_peer(rng: &mut Rng) -> Vec<u8> {
    let mut out = Vec::new();
    let mut messages = honest::messages(rng);
    if rng.bool() {
        messages.extend(honest::messages(rng));
    }
    for (kind, body) in messages {
        out.push(choice_of(kind));
        put_part(&mut out, &body);
    }
    out
}

/// A replica that another one has told something.
fn told(rng: &mut Rng) -> Honest {
    honest::pair(rng).1
}

fn replica_state(rng: &mut Rng) -> Vec<u8> {
    let mut honest = told(rng);
    honest.replica.save_state(&mut honest.store).unwrap();
    honest.store.state(SHARD).unwrap().unwrap()
}

/// The actor is chosen by its node, and all counters are small.
fn put_dot(out: &mut Vec<u8>, dot: Dot) {
    out.push(u8::try_from(dot.actor.node().0).unwrap());
    out.push(u8::try_from(dot.counter).unwrap());
}

fn replica_records(rng: &mut Rng) -> Vec<u8> {
    let (one, other) = honest::pair(rng);
    let mut out = Vec::new();
    for Honest { mut store, minted, .. } in [one, other] {
        for OwnedOp { dot, .. } in minted {
            let id = EntryId { actor: dot.actor.bits(), counter: dot.counter };
            let mut record = Vec::new();
            assert!(store.entry(SHARD, id, &mut record).unwrap());
            put_dot(&mut out, dot);
            put_part(&mut out, &record);
        }
    }
    out
}

fn replica_rows(rng: &mut Rng) -> Vec<u8> {
    let mut honest = told(rng);
    let mut out = Vec::new();
    let mut put_row = |group: &[u8], column: &[u8], value: &[u8]| {
        match group {
            [0, 0, 0, 0, 1] => out.push(2),
            [0, 0, 0, 0, 2] => out.push(3),
            [0, 0, 0, 1, ..] if group.ends_with(b"key") => out.push(0),
            _ => {
                out.push(4);
                put_part(&mut out, group);
            }
        }
        put_part(&mut out, column);
        put_part(&mut out, value);
    };
    let visited = honest.store.scan_shard(SHARD, &[], &mut |row, value| {
        put_row(row.group, row.column, value);
        ScanControl::Continue
    });
    visited.unwrap();
    out
}

fn cell_views(rng: &mut Rng) -> Vec<u8> {
    let (one, other) = honest::pair(rng);
    let mut out = Vec::new();
    for op in one.minted.iter().chain(&other.minted) {
        let (family, subkey) = op.cell.column.split_first().unwrap();
        if let cells::OwnedBody::Insert { payload, .. } = &op.body {
            out.extend_from_slice(&[*family, rng.u8(..)]);
            put_part(&mut out, subkey);
            put_part(&mut out, payload);
        }
    }
    out.extend_from_slice(&[Family::Flag as u8, 0]);
    out
}
