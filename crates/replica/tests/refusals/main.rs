//! Bad input: each kind is refused with an error of its own, and nothing has changed.

#![expect(clippy::unwrap_used, reason = "a test reports and stops")]

use causality::{
    Actor, Clock, Counters, Dot, Dots, HybridTime, Incarnation, Millis, NodeId, Sealed,
};
use cells::{Change, Family, KeyAddress, Keyspace, OwnedBody, OwnedCellAddress, OwnedOp};
use replica::{Applied, Ballot, Replica, ReplicaError, SealedDetail, Settings};
use storage::{EntryId, MemoryStore, Row, Store};
use wire::shard::{Group, GroupsGiven, Member, Reinstate, Sealing, StateVersion};

const NOW: Millis = Millis(1_700_000_000_000);
const SHARD: u16 = 3;

struct Side {
    replica: Replica,
    store: MemoryStore,
}

fn actor(node: u32) -> Actor {
    Actor::new(NodeId(node), Incarnation(1))
}

fn cell() -> OwnedCellAddress {
    let column = Family::Register.column(&[]).into();
    OwnedCellAddress { keyspace: Keyspace(1), key: b"key"[..].into(), column }
}

fn write(dot: Dot, payload: &[u8]) -> OwnedOp {
    let body = OwnedBody::Insert { payload: payload.into(), expiry: None };
    let time = HybridTime::at(NOW);
    OwnedOp { dot, time, cell: cell(), removed: Dots::new(), body }
}

impl Side {
    fn new() -> Self {
        let settings = Settings {
            key_size_max: 8,
            column_size_max: 8,
            payload_size_max: 8,
            ..Settings::default()
        };
        let mut store = MemoryStore::new();
        let replica = Replica::open(SHARD, actor(1), settings, &mut store).unwrap();
        Self { replica, store }
    }

    fn apply(&mut self, op: &OwnedOp) -> Result<Applied, ReplicaError> {
        self.replica.apply(&mut self.store, NOW, &op.borrow())
    }

    fn groups(&mut self, groups: &[Group]) -> Result<usize, ReplicaError> {
        let taken = self.replica.take_groups(&mut self.store, NOW, Millis(0), groups);
        taken.map(|taken| taken.applied.len())
    }

    fn is_unchanged_by(&mut self, act: impl FnOnce(&mut Self) -> ReplicaError) -> ReplicaError {
        let before = self.replica.summary();
        let error = act(self);
        assert_eq!(self.replica.summary(), before, "{error}");
        error
    }
}

#[test]
fn two_contents_for_one_dot_raise_the_alarm_and_are_not_merged() {
    let mut side = Side::new();
    let dot = Dot::new(actor(2), 1);
    assert_eq!(side.apply(&write(dot, b"one")).unwrap(), Applied::Now);
    assert_eq!(side.apply(&write(dot, b"one")).unwrap(), Applied::Before);
    let mut late = write(dot, b"one");
    late.time = late.time.next();
    let mut wider = write(dot, b"one");
    wider.removed.push(Dot::new(actor(9), 9));
    for other in [write(dot, b"two"), late, wider] {
        let error = side.is_unchanged_by(|side| side.apply(&other).unwrap_err());
        assert!(matches!(error, ReplicaError::Equivocation { dot: held } if held == dot));
    }
}

#[test]
fn a_dead_version_without_evidence_stays_missing() {
    let mut side = Side::new();
    let dot = Dot::new(actor(2), 1);
    let body = OwnedBody::Dead { expiry: None };
    let member = Member { dot, time: HybridTime::at(NOW), removed: Dots::new(), body };
    let group = Group { cell: cell(), members: vec![member.clone()] };
    let error = side.is_unchanged_by(|side| side.groups(&[group]).unwrap_err());
    assert!(matches!(error, ReplicaError::NoEvidence { dots } if dots == [dot]));

    // The same with what removed it: taken, and in this order even if named in the other.
    let remover = Member {
        dot: Dot::new(actor(2), 2),
        time: HybridTime::at(NOW).next(),
        removed: Dots::from_slice(&[dot]),
        body: OwnedBody::Remove,
    };
    let group = Group { cell: cell(), members: vec![member, remover] };
    assert_eq!(side.groups(&[group]).unwrap(), 2);
}

#[test]
fn a_dead_version_outside_a_group_is_refused() {
    let mut side = Side::new();
    let mut op = write(Dot::new(actor(2), 1), b"");
    op.body = OwnedBody::Dead { expiry: None };
    let error = side.is_unchanged_by(|side| side.apply(&op).unwrap_err());
    assert!(matches!(error, ReplicaError::Unexpected(_)));
}

#[test]
fn members_that_supersede_each_other_in_a_circle_are_left_out() {
    let mut side = Side::new();
    let (left, right) = (Dot::new(actor(2), 1), Dot::new(actor(2), 2));
    let member = |dot, removed| Member {
        dot,
        time: HybridTime::at(NOW),
        removed: Dots::from_slice(&[removed]),
        body: OwnedBody::Dead { expiry: None },
    };
    let members = vec![member(left, right), member(right, left)];
    assert_eq!(side.groups(&[Group { cell: cell(), members }]).unwrap(), 0);
}

#[test]
fn dots_of_retired_actors_are_told_apart() {
    let mut side = Side::new();
    let retired = actor(2);
    assert_eq!(side.apply(&write(Dot::new(retired, 1), b"a")).unwrap(), Applied::Now);
    let freeze = Sealing::Freeze { actor: retired, ballot: 1 };
    side.replica.take_sealing(&mut side.store, &freeze).unwrap();
    let new = write(Dot::new(retired, 2), b"b");
    let error = side.is_unchanged_by(|side| side.apply(&new).unwrap_err());
    assert!(matches!(error, ReplicaError::Frozen { .. }));

    let counters = Counters::up_to(1);
    let seal = Sealing::Seal { actor: retired, counters };
    side.replica.take_sealing(&mut side.store, &seal).unwrap();
    let error = side.is_unchanged_by(|side| side.apply(&new).unwrap_err());
    assert!(matches!(error, ReplicaError::Sealed { .. }));
    // It is not lost: it gets another name.
    let op = side.replica.remint(&mut side.store, NOW, &new.borrow()).unwrap();
    assert_eq!((op.dot, op.time), (Dot::new(actor(1), 1), new.time));
}

#[test]
fn a_replica_does_not_retire_itself_or_seal_what_is_incomplete() {
    let mut side = Side::new();
    let own = Sealing::Freeze { actor: actor(1), ballot: Ballot(1).0 };
    let error = side.replica.take_sealing(&mut side.store, &own).unwrap_err();
    assert!(matches!(error, ReplicaError::OwnActor(_)));
    let seal = Sealing::Seal { actor: actor(2), counters: Counters::up_to(5) };
    let error = side.replica.take_sealing(&mut side.store, &seal).unwrap_err();
    assert!(matches!(error, ReplicaError::Unexpected(_)));
    let mut sealed = Sealed::default();
    sealed.insert(actor(1), Counters::default());
    let error = side.replica.learn_sealed(&mut side.store, &sealed).unwrap_err();
    assert!(matches!(error, ReplicaError::OwnActor(_)));
}

#[test]
fn sizes_over_their_limits_are_refused_at_every_door() {
    let mut side = Side::new();
    let dot = Dot::new(actor(2), 1);
    let mut long_key = write(dot, b"v");
    long_key.cell.key = b"much too long"[..].into();
    let mut long_column = write(dot, b"v");
    long_column.cell.column = Family::SetMember.column(b"much too long").into();
    for op in [long_key, long_column, write(dot, b"much too long")] {
        let error = side.is_unchanged_by(|side| side.apply(&op).unwrap_err());
        assert!(matches!(error, ReplicaError::TooLarge { .. }));
        let (time, removed, body) = (op.time, op.removed, op.body);
        let group = Group { cell: op.cell, members: vec![Member { dot, time, removed, body }] };
        let error = side.is_unchanged_by(|side| side.groups(&[group]).unwrap_err());
        assert!(matches!(error, ReplicaError::TooLarge { .. }));
    }
    let insert = Some((b"much too long".to_vec(), None));
    let column = Family::Register.column(&[]);
    let change = Change { column, removed: Dots::new(), insert };
    let key = KeyAddress { keyspace: Keyspace(1), key: b"k" };
    let error = side.is_unchanged_by(|side| {
        side.replica.mint(&mut side.store, NOW, key, change.clone()).unwrap_err()
    });
    assert!(matches!(error, ReplicaError::TooLarge { .. }));
}

#[test]
fn operations_that_nobody_mints_are_refused_at_every_door() {
    let mut side = Side::new();
    let dot = Dot::new(actor(2), 1);
    let mut supersedes_itself = write(dot, b"v");
    supersedes_itself.removed.push(dot);
    let mut supersedes_nothing = write(dot, b"v");
    supersedes_nothing.removed.push(Dot::new(actor(2), 0));
    for op in [supersedes_itself, supersedes_nothing, write(Dot::new(actor(2), 0), b"v")] {
        let error = side.is_unchanged_by(|side| side.apply(&op).unwrap_err());
        assert!(matches!(error, ReplicaError::Unexpected(_)));
        let OwnedOp { dot, time, cell, removed, body } = op;
        // In a group it is left out, alone or in its circle with itself.
        let members = vec![Member { dot, time, removed, body }];
        let _ = side.groups(&[Group { cell, members }]);
        assert!(side.replica.clock().is_empty());
    }
}

#[test]
fn a_version_is_given_back_only_if_the_giver_knows_as_much() {
    let mut side = Side::new();
    let (first, second) = (Dot::new(actor(2), 1), Dot::new(actor(2), 2));
    side.apply(&write(first, b"old")).unwrap();
    let mut newer = write(second, b"new");
    newer.removed.push(first);
    side.apply(&newer).unwrap();
    let given = |clock: &[Dot], dot| Reinstate {
        clock: clock.iter().copied().collect::<Clock>(),
        cell: cell(),
        version: StateVersion {
            dot,
            time: HybridTime::at(NOW),
            expiry: None,
            payload: Some(b"old"[..].into()),
        },
    };
    let stranger = Dot::new(actor(3), 1);
    // Knows less; never applied here; still live here.
    for offer in
        [given(&[first], first), given(&[stranger], stranger), given(&[first, second], second)]
    {
        let error = side
            .is_unchanged_by(|side| side.replica.reinstate(&mut side.store, &offer).unwrap_err());
        assert!(matches!(error, ReplicaError::NotReinstated { .. }), "{error}");
    }
}

/// A row that rots under an open replica: the operation is in the log, its effect is not. Nothing
/// is read, taken or minted from then on, also after a restart and when the row is sound again; the
/// operation is given from the log, as it was minted.
#[test]
fn a_replica_whose_rows_rot_gives_its_log_away_and_does_nothing_else() {
    let mut side = Side::new();
    let key = KeyAddress { keyspace: Keyspace(1), key: b"key" };
    let insert = Some((b"v".to_vec(), None));
    let column = Family::Register.column(&[]);
    let change = Change { column: column.clone(), removed: Dots::new(), insert };
    side.replica.mint(&mut side.store, NOW, key, change.clone()).unwrap();
    let mut group = Vec::new();
    side.store
        .scan_shard(SHARD, &[], &mut |row, _| {
            group = row.group.to_vec();
            storage::ScanControl::Continue
        })
        .unwrap();
    let row = Row { shard: SHARD, group: &group, column: &column };
    let sound = side.store.get(row).unwrap().unwrap().to_vec();
    side.store.put(row, &[0xff; 3]).unwrap();
    let foreign = write(Dot::new(actor(2), 1), b"w");
    assert!(matches!(side.apply(&foreign), Err(ReplicaError::Damaged { .. })));
    assert!(matches!(side.apply(&foreign), Err(ReplicaError::Quarantined)));
    let minted = side.replica.mint(&mut side.store, NOW, key, change.clone());
    assert!(matches!(minted, Err(ReplicaError::Quarantined)));
    side.replica.scrub(&mut side.store).unwrap_err();

    let mut other = Side::new();
    let wanted = other.replica.want_groups(u32::MAX, SealedDetail::Whole);
    let given = side.replica.give_groups(&mut side.store, &wanted).unwrap();
    let GroupsGiven::Groups { groups, .. } = given else { panic!("the log is whole: {given:?}") };
    assert_eq!(other.groups(&groups).unwrap(), 2);
    assert!(other.replica.covers(&side.replica.whole_clock()));

    side.store.put(row, &sound).unwrap();
    assert_eq!(side.replica.scrub(&mut side.store).unwrap(), replica::Scrubbed::Untrusted);
    side.replica.save_state(&mut side.store).unwrap();
    let settings = Settings::default();
    let opened = Replica::open(SHARD, actor(1), settings, &mut side.store).unwrap();
    assert_eq!(opened.condition(), replica::Condition::Quarantined);
    assert!(opened.is_applied(foreign.dot));
}

#[test]
fn damaged_rows_records_and_states_are_errors() {
    let mut side = Side::new();
    let dot = Dot::new(actor(2), 1);
    side.apply(&write(dot, b"v")).unwrap();
    let mut rows = Vec::new();
    side.store
        .scan_shard(SHARD, &[], &mut |row, _| {
            rows.push((row.group.to_vec(), row.column.to_vec()));
            storage::ScanControl::Continue
        })
        .unwrap();
    for (group, column) in rows {
        let row = Row { shard: SHARD, group: &group, column: &column };
        side.store.put(row, &[0xff; 3]).unwrap();
    }
    assert!(matches!(side.replica.scrub(&mut side.store), Err(ReplicaError::Damaged { .. })));
    let refused = side.apply(&write(Dot::new(actor(2), 2), b"v")).unwrap_err();
    assert!(matches!(refused, ReplicaError::Quarantined), "{refused}");

    let mut store = MemoryStore::new();
    store.set_state(SHARD, &[9, 9]).unwrap();
    let opened = Replica::open(SHARD, actor(1), Settings::default(), &mut store);
    assert!(matches!(opened, Err(ReplicaError::Damaged { .. })));

    let mut side = Side::new();
    let id = EntryId { actor: actor(2).bits(), counter: 1 };
    let entry = storage::Entry { shard: SHARD, id, record: vec![0xee; 4] };
    let replayed = side.replica.replay(&mut side.store, NOW, &entry);
    assert!(matches!(replayed, Err(ReplicaError::Damaged { .. })));
}
