//! For each body, inputs as an honest writer would have made them.

use causality::{Context, ContextKey, ContextScope, Dot};
use cells::{Family, OwnedOp};
use codec::{put_slice, put_varint};
use decoders::put_part;
use fastrand::Rng;
use storage::{EntryId, ScanControl, Store};
use wire::{Kind, ProtocolVersion};

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
    let context = Context::new(12, (0..6).map(&mut dot).collect::<Vec<_>>());
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
