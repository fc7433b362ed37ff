//! One message of each kind, byte by byte: formats change on purpose only.
//!
//! All of them cross one link in order, so first and later uses of an actor are both there. A
//! difference here is a change of the protocol and needs a new version of it.

use std::fmt::Write;

use causality::{
    Actor, Clock, Counters, Dot, Dots, HybridTime, Incarnation, Millis, NodeId, Run, Sealed,
};
use cells::{CellAddress, Family, Keyspace, OwnedBody, OwnedCellAddress, OwnedOp};
use merkle::{Ask, Depth, Digest, FANOUT, Fingerprint, NodeRef, Tell};
use wire::shard::{
    Comparison, Detail, Group, GroupsGiven, GroupsWanted, KeySum, LostVersion, Member, Names,
    Reinstate, Rest, SealedPart, Sealing, StateCell, StateCells, StateCellsWanted, StateClear,
    StateOpened, StateSession, StateVersion, Summary,
};
use wire::{
    Challenge, ClockHash, ClusterId, Decoder, Hello, Kind, Message, Outcome, Proof, ProtocolRange,
    ProtocolVersion, Reason, Repair, RequestId, RootHash, ShardHash, ShardId,
};

use crate::links::{encoded, encoder, frame};

const GOLDEN: &str = include_str!("golden.txt");
const NOW: Millis = Millis(1_760_000_000_000);
const LATER: Millis = Millis(1_760_000_060_000);
const SHARD: ShardId = ShardId(513);
const REQUEST: RequestId = RequestId(7);
const SESSION: StateSession = StateSession(3);
const DIGEST: u128 = 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100;

fn actor(node: u32) -> Actor {
    Actor::new(NodeId(node), Incarnation(0xabcd))
}

fn counters() -> Counters {
    let mut counters = Counters::up_to(1000);
    counters.insert_run(Run { first: 1002, last: 1010 });
    counters.insert_run(Run { first: 1100, last: 1100 });
    counters
}

fn clock() -> Clock {
    let mut clock = Clock::new();
    clock.insert_all(actor(1), &counters());
    clock.insert_all(actor(2), &Counters::up_to(500));
    clock
}

fn sealed() -> Sealed {
    let mut sealed = Sealed::default();
    sealed.insert(actor(9), Counters::default());
    sealed
}

fn cell(key: &[u8], column: &[u8]) -> OwnedCellAddress {
    CellAddress::new(Keyspace(1), key, column).into()
}

fn register(key: &[u8]) -> OwnedCellAddress {
    cell(key, &Family::Register.column(&[]))
}

fn insert(payload: &[u8], expiry: Option<Millis>) -> OwnedBody {
    OwnedBody::Insert { payload: payload.into(), expiry }
}

fn ops() -> Vec<OwnedOp> {
    let op = |dot, time, cell, removed: &[Dot], body| {
        let removed = Dots::from_slice(removed);
        OwnedOp { dot, time, cell, removed, body }
    };
    let (one, two) = (actor(1), actor(2));
    let now = HybridTime::at(NOW);
    let three = [Dot::new(one, 1), Dot::new(one, 2), Dot::new(two, 3)];
    let clear = cell(b"", &Family::Clear.column(&[]));
    let dead = OwnedBody::Dead { expiry: None };
    vec![
        op(Dot::new(one, 1101), now, register(b"key"), &[], insert(b"value", Some(LATER))),
        op(Dot::new(one, 1102), now.next(), register(b"key"), &[Dot::new(two, 5)], dead),
        op(Dot::new(two, 501), now, register(b"other"), &three, OwnedBody::Remove),
        op(Dot::new(one, 1103), now, clear, &[], OwnedBody::Clear(clock())),
    ]
}

fn groups() -> Vec<Group> {
    let member =
        |op: OwnedOp| Member { dot: op.dot, time: op.time, removed: op.removed, body: op.body };
    let members = ops().into_iter().take(2).map(member).collect();
    vec![Group { cell: register(b"key"), members }]
}

fn version(payload: Option<&[u8]>, expiry: Option<Millis>) -> StateVersion {
    let (dot, time) = (Dot::new(actor(1), 44), HybridTime::at(NOW));
    StateVersion { dot, time, expiry, payload: payload.map(Box::from) }
}

fn sample(kind: Kind) -> Message {
    let (shard, request, session, horizon) = (SHARD, REQUEST, SESSION, NOW);
    let (digest, element_count) = (DIGEST, 300);
    match kind {
        Kind::Hello => Message::Hello(Hello {
            versions: ProtocolRange::of_release(ProtocolVersion::CURRENT),
            cluster: ClusterId(0x1122_3344_5566_7788),
            node: NodeId(5),
            incarnation: Incarnation(6),
            challenge: Challenge(*b"0123456789abcdef"),
            proof: Proof(0x99aa_bbcc_ddee_ff00),
        }),
        Kind::Refused => {
            Message::Refused { request, reason: Reason::NotOwner, text: "no".to_owned() }
        }
        Kind::Gossip => Message::Gossip(Box::from(*b"gossip")),
        Kind::Forward => Message::Forward { request, bytes: Box::from(*b"GET") },
        Kind::Forwarded => Message::Forwarded { request, bytes: Box::from(*b"nil") },
        Kind::Describe => Message::Describe { request, bytes: Box::from(*b"you?") },
        Kind::Described => Message::Described { request, bytes: Box::from(*b"{}") },
        Kind::Replicate => Message::Replicate { shard, request, ops: ops() },
        Kind::Acknowledged => {
            Message::Acknowledged { shard, request, outcome: Outcome::Busy, clock: Some(clock()) }
        }
        Kind::Beat => {
            let now = HybridTime::at(LATER).next();
            Message::Beat { now, horizon, root: RootHash(0x0102_0304_0506_0708) }
        }
        Kind::BeatShards => {
            let hash = |shard| ShardHash { shard: ShardId(shard), hash: ClockHash::of(0xa1b2) };
            let shards = [0, 1, 513].map(hash).to_vec();
            Message::BeatShards { now: HybridTime::at(NOW), shards }
        }
        Kind::Wanted => {
            let sealed = SealedPart::Hash(0x0102_0304_0506_0708);
            let wanted = GroupsWanted { applied: clock(), sealed, horizon, budget: 1 << 20 };
            Message::Wanted { shard, request, wanted }
        }
        Kind::KeysWanted => {
            let sealed = SealedPart::Hash(0x0102_0304_0506_0708);
            let wanted = GroupsWanted { applied: clock(), sealed, horizon, budget: 1 << 20 };
            let (keyspace, key) = (Keyspace(1), b"key".as_slice().into());
            let keys = vec![KeySum { keyspace, key, depth: 2, digest }];
            let (repair, patience_ms) = (Repair::First, 2_000);
            Message::KeysWanted { shard, request, repair, patience_ms, keys, wanted }
        }
        Kind::Given => {
            let (groups, rest, sealed) = (groups(), Rest::More, Some(sealed()));
            let given = GroupsGiven::Groups { groups, rest, horizon, sealed };
            Message::Given { shard, request, given }
        }
        Kind::StateWanted => Message::StateWanted { shard, request, horizon },
        Kind::StateOpened => {
            let (cell, dot) = (cell(b"", &Family::Clear.column(&[])), Dot::new(actor(2), 77));
            let clears = vec![StateClear { cell, dot, covered: clock() }];
            let (applied, sealed) = (clock(), sealed());
            let opened =
                StateOpened { session, applied, sealed, horizon, clears, digest, element_count };
            Message::StateOpened { shard, request, opened }
        }
        Kind::CellsWanted => {
            let after = Some(register(b"key"));
            let (detail, budget) = (Detail::Values, 65_536);
            let (first, last) = (1 << 60, (1 << 61) - 1);
            let wanted = StateCellsWanted { session, first, last, after, detail, budget };
            Message::CellsWanted { shard, request, wanted }
        }
        Kind::CellsGiven => {
            let versions = vec![version(Some(b"value"), Some(LATER))];
            let cell = |versions, gone: &[Dot]| StateCell {
                cell: register(b"key"),
                versions,
                gone: Dots::from_slice(gone),
            };
            let cells = vec![cell(versions, &[]), cell(Vec::new(), &[Dot::new(actor(2), 600)])];
            let cells = StateCells { session, cells, next: Some(register(b"key")), digest };
            Message::CellsGiven { shard, request, cells }
        }
        Kind::StateClosed => Message::StateClosed { shard, session },
        Kind::Ask => {
            let ask = Ask::Nodes(vec![NodeRef::ROOT, NodeRef::from_bits(0x0200_00ff).unwrap()]);
            Message::Ask { shard, request, session, ask }
        }
        Kind::Tell => {
            let sums = vec![[Fingerprint(0x0a0b); FANOUT]];
            let tell = Tell::Children { depth: Depth::new(2).unwrap(), sums };
            Message::Tell { shard, request, session, tell }
        }
        Kind::Summary => {
            let summary = Summary { clock: clock(), horizon, digest, element_count };
            Message::Summary { shard, request, summary }
        }
        Kind::Reinstate => {
            let version = version(Some(b"value"), None);
            let reinstate = Reinstate { clock: clock(), cell: register(b"key"), version };
            Message::Reinstate { shard, request, reinstate }
        }
        Kind::Compared => {
            let comparison = Comparison::Apart { horizon };
            Message::Compared { shard, request, comparison }
        }
        Kind::Names => {
            let held = StateCell {
                cell: register(b"key"),
                versions: vec![version(None, Some(LATER))],
                gone: Dots::new(),
            };
            let (next, cells) = (Some(register(b"key")), vec![held]);
            Message::Names { shard, request, names: Names { clock: clock(), horizon, next, cells } }
        }
        Kind::Lost => {
            let versions =
                vec![LostVersion { cell: register(b"key"), dot: Dot::new(actor(1), 44) }];
            Message::Lost { shard, request, versions }
        }
        Kind::Relay => {
            let targets = vec![NodeId(5), NodeId(300)];
            Message::Relay { shard, request, targets, ops: ops() }
        }
        Kind::Relayed => Message::Relayed { shard, request, origin: NodeId(5), ops: ops() },
        Kind::Keep => Message::Keep { shard, request, target: NodeId(6), ops: ops() },
        Kind::Sealing => {
            let sealing = Sealing::Allow { actor: actor(9), ballot: 12, counters: counters() };
            Message::Sealing { shard, request, sealing }
        }
    }
}

#[test]
fn the_bytes_of_every_kind_stay_what_they_are() {
    let (mut encoder, mut decoder) = (encoder(), Decoder::new());
    let mut text = String::new();
    for kind in Kind::ALL {
        let message = sample(kind);
        let bytes = encoded(&mut encoder, &message);
        assert_eq!(decoder.message(&frame(&bytes)), Ok(message));
        writeln!(text, "{kind:?}").unwrap();
        for line in bytes.chunks(32) {
            let hex: String = line.iter().map(|byte| format!(" {byte:02x}")).collect();
            writeln!(text, " {hex}").unwrap();
        }
    }
    assert_eq!(text, GOLDEN, "the protocol has changed; it is now:\n{text}");
}

#[test]
fn rarer_forms_stay_what_they_are_too() {
    let check = |message: Message, expected: &str| {
        let bytes = encoded(&mut encoder(), &message);
        let body: String = bytes[6..].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(body, expected, "{message:?}");
    };
    let (shard, request, session) = (ShardId(1), RequestId(2), StateSession(3));
    let given = |given| Message::Given { shard, request, given };
    check(given(GroupsGiven::StateNeeded), "010201");
    check(given(GroupsGiven::SealedNeeded), "010202");
    let ask = Ask::Open { root: Digest(DIGEST), count: 300 };
    let digest = "000102030405060708090a0b0c0d0e0f";
    check(Message::Ask { shard, request, session, ask }, &format!("01020300{digest}ac02"));
    let tell = |tell| Message::Tell { shard, request, session, tell };
    check(tell(Tell::Same), "01020300");
    check(tell(Tell::Shallow { depth: Depth::MIN }), "0102030201");
    let sealing = |sealing| Message::Sealing { shard, request, sealing };
    let (actor, ballot, counters) = (Actor::from_bits(0x0102_0304), 5, Counters::up_to(6));
    let spelled = "00000403020100000000";
    check(sealing(Sealing::Freeze { actor, ballot }), &format!("010200{spelled}05"));
    let frozen = Sealing::Frozen { actor, ballot, counters: counters.clone() };
    check(sealing(frozen), &format!("010201{spelled}0518"));
    check(sealing(Sealing::Complete { actor, ballot }), &format!("010203{spelled}05"));
    check(sealing(Sealing::Seal { actor, counters }), &format!("010204{spelled}18"));
    let wanted = GroupsWanted {
        applied: Clock::new(),
        sealed: SealedPart::Whole(Sealed::default()),
        horizon: Millis(300),
        budget: 9,
    };
    check(Message::Wanted { shard, request, wanted }, "01020100ac020900");
    let compared = |comparison| Message::Compared { shard, request, comparison };
    check(compared(Comparison::Equal), "010200");
    check(compared(Comparison::EqualWithLosses), "010201");
    check(compared(Comparison::Different), "010203");
    check(compared(Comparison::Unable), "010204");
    let outcome = Outcome::Applied;
    check(Message::Acknowledged { shard, request, outcome, clock: None }, "01020000");
}
