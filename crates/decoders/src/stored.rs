//! What a store may hand back: the formats of replicas are private, so they are decoded by
//! opening a replica over them and asking it everything that can be asked.
//!
//! A store that is damaged without noticing it (checksums and the disk agree on nonsense) must
//! lead to errors, and to nothing else.

use causality::{Actor, Clock, Dot, HybridTime, Incarnation, Millis, NodeId};
use cells::types::zset::{self, Toward};
use cells::types::{list, map, set, string};
use cells::{
    Body, CellAddress, Change, Family, Insert, KeyAddress, Keyspace, Op, ReadCells as _,
    ReadControl,
};
use replica::{Condition, Replica, ReplicaError, SealedDetail, Settings};
use storage::{Entry, EntryId, MemoryStore, Row, Store};
use wire::shard::{Detail, GroupsWanted, SealedPart, Sealing, StateCellsWanted};

use crate::script::Script;

pub(crate) const SHARD: u16 = 3;
pub(crate) const NOW: Millis = Millis(1_760_000_000_000);
pub(crate) const KEY: KeyAddress<'static> = KeyAddress { keyspace: Keyspace(1), key: b"key" };
/// The highest counter that peers accept.
const COUNTER_MAX: u64 = (1 << 48) - 1;
/// Cells that samples have too.
const WRITTEN: [(Family, &[u8]); 3] =
    [(Family::Register, b""), (Family::SetMember, b"m\x01"), (Family::ZsetMember, b"m\x01")];
const EXPIRY_INDEX: &[u8] = &[0, 0, 0, 0, 1];
const GONE_INDEX: &[u8] = &[0, 0, 0, 0, 2];

/// The actor of every replica here.
pub(crate) fn me() -> Actor {
    Actor::new(NodeId(1), Incarnation(1))
}

pub(crate) fn open(store: &mut MemoryStore) -> Result<Replica, ReplicaError> {
    Replica::open(SHARD, me(), Settings::default(), store)
}

/// The input is the state blob.
pub(crate) fn replica_state(input: &[u8]) {
    let mut store = MemoryStore::new();
    store.set_state(SHARD, input).expect("memory does not fail");
    let Ok(mut replica) = open(&mut store) else { return };
    read_everything(&mut replica, &mut store);
    // What was read is written and read again as the same.
    let Ok(()) = replica.save_state(&mut store) else { panic!("memory does not fail") };
    let again = open(&mut store).expect("it was written by a replica");
    assert_eq!(again.summary(), replica.summary());
    assert_eq!(again.retired(), replica.retired());
    let _ = change_everything(&mut replica, &mut store);
}

/// The input is entries of the log: they are replayed as after a crash, then given to a peer.
pub(crate) fn replica_records(input: &[u8]) {
    let mut script = Script::new(input);
    let mut store = MemoryStore::new();
    let mut replica = open(&mut store).expect("an empty store opens");
    let mut is_recovered = true;
    while !script.is_empty() {
        let dot = script.dot();
        let id = EntryId { actor: dot.actor.bits(), counter: dot.counter };
        let record = script.part().to_vec();
        let is_known = store.entry(SHARD, id, &mut Vec::new()).expect("memory does not fail");
        if is_known {
            continue;
        }
        store.append(SHARD, id, &record).expect("memory does not fail");
        // After an error the next one is tried all the same: worse than what servers do.
        let replayed = replica.replay(&mut store, NOW, &Entry { shard: SHARD, id, record });
        is_recovered &= replayed.is_ok();
    }
    read_everything(&mut replica, &mut store);
    if is_recovered {
        let _ = change_everything(&mut replica, &mut store);
    }
}

/// The input is rows: of a key, of others, and of the indexes.
pub(crate) fn replica_rows(input: &[u8]) {
    let mut script = Script::new(input);
    let mut store = MemoryStore::new();
    while !script.is_empty() {
        let group = match script.byte() % 5 {
            0 | 1 => group_of(KEY),
            2 => EXPIRY_INDEX.to_vec(),
            3 => GONE_INDEX.to_vec(),
            _ => script.part().to_vec(),
        };
        let (column, value) = (script.part(), script.part());
        let at = Row { shard: SHARD, group: &group, column };
        store.put(at, value).expect("memory does not fail");
    }
    let Ok(mut replica) = open(&mut store) else { return };
    read_everything(&mut replica, &mut store);
    if replica.condition() == Condition::Serving {
        // Derived rows at most: no digest covers them, so nothing was noticed.
        let _ = change_everything(&mut replica, &mut store);
    } else if replica.accept_rows(&mut store).is_ok() {
        read_everything(&mut replica, &mut store);
    }
}

/// Where the rows of a key lie.
fn group_of(key: KeyAddress<'_>) -> Vec<u8> {
    let keyspace = key.keyspace.0.to_be_bytes();
    [&keyspace[..], &key.hash().to_be_bytes(), key.key].concat()
}

/// Asks a replica everything that changes nothing but itself. Refusals are as good as answers.
pub(crate) fn read_everything(replica: &mut Replica, store: &mut MemoryStore) {
    let clock = replica.whole_clock();
    let known = replica.clock().iter().map(|(actor, _)| actor).next();
    let _ = (replica.summary(), replica.next_dot(), replica.limits(), replica.is_log_pruned());
    let _ = known.map(|actor| (replica.floor(actor), replica.stable_base(actor, &[NodeId(2)])));
    let _ = replica.frozen_actors().filter_map(|actor| replica.sealing_progress(actor)).count();
    give_everything(replica, store);
    view_everything(replica, store);
    let _ = replica.for_each_cell(store, &mut |_, _| {});
    if let Ok(opened) = replica.open_image(store, NOW, Millis(0)) {
        let (session, budget) = (opened.session, 1000);
        for detail in [Detail::Names, Detail::Values] {
            let (first, last, after) = (0, u64::MAX, None);
            let wanted = StateCellsWanted { session, first, last, after, detail, budget };
            let _ = replica.image_cells(store, &wanted);
        }
        replica.close_image(session);
    }
    let _ = replica.scrub(store);
    assert_eq!(replica.whole_clock(), clock, "reading changed the clock");
}

/// Changes a replica in every way a client or a peer may, until damage is found: from then on its
/// owner must open it again. Other refusals are as good as answers.
fn change_everything(replica: &mut Replica, store: &mut MemoryStore) -> Result<(), ReplicaError> {
    go_on(replica.mint_clear(store, NOW, KEY))?;
    let mut counters = [1, 2, 3, 4, 5, 6, 7, 8, 9, COUNTER_MAX].into_iter().cycle();
    for node in [2, 2, 2, 2, 3, 3, 3] {
        let actor = Actor::new(NodeId(node), Incarnation(1));
        for (family, subkey) in WRITTEN {
            let counter = counters.next().expect("it goes round");
            let column = family.column(subkey);
            let cell = CellAddress { key: KEY, column: &column };
            let removed = [Dot::new(actor, counter + 1), Dot::new(me(), counter)];
            let insert = Insert { payload: b"\0value", expiry: Some(NOW.plus(counter)) };
            let (dot, time, body) = (Dot::new(actor, counter), HybridTime::at(NOW), insert);
            let op = Op { dot, time, cell, removed: &removed, body: Body::Insert(body) };
            go_on(replica.apply(store, NOW, &op))?;
            let change = Change { column, removed: removed.into(), insert: None };
            go_on(replica.mint(store, NOW, KEY, change))?;
        }
    }
    for actor in [2, 3].map(|node| Actor::new(NodeId(node), Incarnation(1))) {
        let counters = replica.clock().get(actor).cloned().unwrap_or_default();
        go_on(replica.take_sealing(store, &Sealing::Freeze { actor, ballot: 1 }))?;
        go_on(replica.take_sealing(store, &Sealing::Seal { actor, counters }))?;
    }
    go_on(replica.expire(store, NOW.plus(1 << 20)))?;
    go_on(replica.prune_log(store, &[me().node()]))?;
    go_on(replica.fit_tree(store))
}

fn go_on<T>(outcome: Result<T, ReplicaError>) -> Result<(), ReplicaError> {
    match outcome {
        Err(damage @ (ReplicaError::Damaged { .. } | ReplicaError::Store(_))) => Err(damage),
        _ => Ok(()),
    }
}

/// Gives a peer that has nothing all there is.
fn give_everything(replica: &Replica, store: &mut MemoryStore) {
    if replica.condition() == Condition::Fetching {
        return;
    }
    let whole = replica.want_groups(1000, SealedDetail::Whole);
    let hash = replica.want_groups(1000, SealedDetail::Hash);
    for sealed in [whole.sealed, hash.sealed, SealedPart::Hash(0)] {
        let (applied, horizon) = (Clock::new(), replica.horizon());
        let wanted = GroupsWanted { applied, sealed, horizon, budget: 100_000 };
        let _ = replica.give_groups(store, &wanted);
    }
}

/// Looks at the key as every data type.
pub(crate) fn view_everything(replica: &Replica, store: &mut MemoryStore) {
    let mut reader = replica.reader(store, NOW);
    let _ = string::get(&mut reader, KEY);
    let _ = string::siblings(&mut reader, KEY);
    let _ = set::members(&mut reader, KEY);
    let _ = set::page(&mut reader, KEY, b"m", 3);
    let _ = map::below(&mut reader, KEY, &map::Path::default());
    let _ = zset::members(&mut reader, KEY);
    let _ = list::range(&mut reader, KEY, -100, 100);
    let _ = (set::count(&mut reader, KEY), map::count(&mut reader, KEY));
    let _ = (zset::count(&mut reader, KEY), list::count(&mut reader, KEY));
    let _ = reader.scan_scores(KEY, None, Toward::Up, &mut |_| ReadControl::Continue);
    let _ = reader.scan_scores(KEY, None, Toward::Down, &mut |_| ReadControl::Continue);
}
