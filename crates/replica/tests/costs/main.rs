//! What repair costs on the wire, measured with the real codec and printed beside the bar.

#![expect(clippy::unwrap_used, reason = "a test reports and stops")]

use causality::{Actor, Dots, Incarnation, Millis, NodeId};
use cells::{Change, Family, KeyAddress, Keyspace};
use replica::{EVERY_KEY, Replica, SealedDetail, Settings};
use storage::MemoryStore;
use wire::shard::{Detail, GroupsGiven, Rest, StateCellsWanted};
use wire::{Encoder, FrameLimit, Message, ProtocolVersion, RequestId, ShardId};

const NOW: Millis = Millis(1_700_000_000_000);
const SHARD: ShardId = ShardId(3);
const REQUEST: RequestId = RequestId(77);
const KEY_SIZE: usize = 16;
const PAYLOAD_SIZE: usize = 100;

/// A replica with its store and the link it speaks on.
struct Side {
    replica: Replica,
    store: MemoryStore,
    link: Encoder,
}

impl Side {
    fn new(node: u32) -> Self {
        let me = Actor::new(NodeId(node), Incarnation(200_000_000));
        let mut store = MemoryStore::new();
        let replica = Replica::open(SHARD.0, me, Settings::default(), &mut store).unwrap();
        Self { replica, store, link: Encoder::new(ProtocolVersion::CURRENT, FrameLimit::default()) }
    }

    fn write(&mut self, number: u64) {
        let key = key(number);
        let column = Family::Register.column(&[]);
        let insert = Some((vec![7; PAYLOAD_SIZE], None));
        let change = Change { column, removed: Dots::new(), insert };
        let key = KeyAddress { keyspace: Keyspace(1), key: &key };
        self.replica.mint(&mut self.store, NOW, key, change).unwrap();
    }

    /// Bytes of a message on this side's link.
    fn send(&mut self, message: &Message) -> usize {
        let mut out = Vec::new();
        self.link.message(message, &mut out).unwrap();
        out.len()
    }
}

fn key(number: u64) -> Vec<u8> {
    format!("{number:0KEY_SIZE$}").into_bytes()
}

/// Lets `taker` pull everything it misses; returns bytes on the wire, both ways, and operations.
fn pull(taker: &mut Side, giver: &mut Side) -> (usize, usize, usize) {
    let (mut bytes, mut applied, mut known) = (0, 0, 0);
    loop {
        let wanted = taker.replica.want_groups(1 << 20, SealedDetail::Hash);
        let (shard, request) = (SHARD, REQUEST);
        bytes += taker.send(&Message::Wanted { shard, request, wanted: wanted.clone() });
        let given = giver.replica.give_groups(&mut giver.store, &wanted).unwrap();
        bytes += giver.send(&Message::Given { shard, request, given: given.clone() });
        let GroupsGiven::Groups { groups, rest, horizon, .. } = given else { panic!("{given:?}") };
        let store = &mut taker.store;
        let taken = taker.replica.take_groups(store, NOW, horizon, &groups).unwrap();
        applied += taken.applied.len();
        known += taken.known_count;
        if rest == Rest::Nothing {
            return (bytes, applied, known);
        }
    }
}

/// B5: log exchange of m missing writes costs at most 100 B + 24 B x m beside the data, and ships
/// nothing that the taker has.
#[test]
fn a_log_exchange_costs_what_the_difference_costs() {
    println!("missing | beside the data | per write | bar");
    for missing in [1u64, 10, 100, 1_000, 10_000, 100_000] {
        let (mut giver, mut taker) = (Side::new(1), Side::new(2));
        for number in 0..1_000 {
            giver.write(number);
            taker.write(1_000_000 + number);
        }
        pull(&mut taker, &mut giver);
        pull(&mut giver, &mut taker);
        for number in 0..missing {
            giver.write(2_000_000 + number);
        }
        let (bytes, applied, known) = pull(&mut taker, &mut giver);
        assert_eq!(applied as u64, missing);
        assert_eq!(known, 0, "nothing is sent that is there");
        // The column of a string is its family byte alone.
        let data = (KEY_SIZE + 1 + PAYLOAD_SIZE) * usize::try_from(missing).unwrap();
        let overhead = bytes - data;
        // A megabyte at a time: each further answer costs another request.
        let rounds = data / (1 << 20) + 1;
        let bar = 100 * rounds + 24 * usize::try_from(missing).unwrap();
        println!("{missing:7} | {overhead:15} | {:9.1} | {bar}", overhead as f64 / missing as f64);
        assert!(overhead <= bar, "{missing} missing: {overhead} bytes beside the data");
        assert_eq!(taker.replica.summary().digest, giver.replica.summary().digest);
    }
}

/// Identical replicas: one question, one word.
#[test]
fn nothing_missing_costs_one_question() {
    let (mut giver, mut taker) = (Side::new(1), Side::new(2));
    (0..1_000).for_each(|number| giver.write(number));
    pull(&mut taker, &mut giver);
    let (bytes, applied, _) = pull(&mut taker, &mut giver);
    println!("nothing missing: {bytes} bytes, both ways");
    assert_eq!(applied, 0);
    assert!(bytes <= 100, "{bytes} bytes");

    let walk = taker.replica.start_walk();
    let ask = taker.replica.walk_ask(&walk).unwrap();
    let tell = giver.replica.walk_answer(&ask).unwrap();
    assert_eq!(tell, merkle::Tell::Same, "equal roots end a walk with its first message");
}

/// B9: an empty node takes over the whole state for at most 1.02 x the live bytes.
#[test]
fn an_empty_replica_takes_over_for_little_more_than_the_data() {
    let (mut source, mut taker) = (Side::new(1), Side::new(2));
    (0..20_000).for_each(|number| source.write(number));
    let actor = source.replica.actor();
    source.replica.truncate_log(&mut source.store, actor, u64::MAX).unwrap();

    let opened = source.replica.open_image(&mut source.store, NOW, Millis(0)).unwrap();
    let (shard, request) = (SHARD, REQUEST);
    let mut bytes = source.send(&Message::StateOpened { shard, request, opened: opened.clone() });
    let session = opened.session;
    let mut taking = taker.replica.begin_taking(&mut taker.store, NOW, opened).unwrap();
    let mut after = None;
    loop {
        let (first, last) = (EVERY_KEY.first, EVERY_KEY.last);
        let (detail, budget) = (Detail::Values, 1 << 20);
        let wanted = StateCellsWanted { session, first, last, after, detail, budget };
        bytes += taker.send(&Message::CellsWanted { shard, request, wanted: wanted.clone() });
        let cells = source.replica.image_cells(&mut source.store, &wanted).unwrap();
        bytes += source.send(&Message::CellsGiven { shard, request, cells: cells.clone() });
        after = cells.next.clone();
        taking.stage(EVERY_KEY, cells).unwrap();
        if after.is_none() {
            break;
        }
    }
    taker.replica.publish(&mut taker.store, taking).unwrap();
    assert_eq!(taker.replica.summary(), source.replica.summary());

    // Live bytes: key, column, payload, and what names a version: dot and time.
    let live = 20_000 * (KEY_SIZE + 1 + PAYLOAD_SIZE + 16 + 8);
    let ratio = bytes as f64 / f64::from(u32::try_from(live).unwrap());
    println!("an empty replica took {bytes} bytes for {live} live bytes: {ratio:.3}");
    assert!(ratio <= 1.02, "{ratio:.3}");
}

/// A takeover guided by the trees moves the cells of differing leaves only.
#[test]
fn a_stale_replica_takes_over_what_differs() {
    let (mut source, mut taker) = (Side::new(1), Side::new(2));
    (0..20_000).for_each(|number| source.write(number));
    pull(&mut taker, &mut source);
    (0..10).for_each(|number| source.write(5_000_000 + number));
    let actor = source.replica.actor();
    source.replica.truncate_log(&mut source.store, actor, u64::MAX).unwrap();
    for side in [&mut source, &mut taker] {
        side.replica.fit_tree(&mut side.store).unwrap();
    }

    let opened = source.replica.open_image(&mut source.store, NOW, Millis(0)).unwrap();
    let session = opened.session;
    let mut taking = taker.replica.begin_taking(&mut taker.store, NOW, opened).unwrap();
    let mut walk = taker.replica.start_walk();
    let mut rounds = 0;
    while let Some(ask) = taker.replica.walk_ask(&walk) {
        let tell = source.replica.image_answer(session, &ask).unwrap();
        taker.replica.walk_take(&mut walk, &tell).unwrap();
        rounds += 1;
    }
    let mut cell_count = 0;
    for range in walk.take_ranges() {
        let (first, last, after) = (range.first, range.last, None);
        let (detail, budget) = (Detail::Values, 1 << 24);
        let wanted = StateCellsWanted { session, first, last, after, detail, budget };
        let cells = source.replica.image_cells(&mut source.store, &wanted).unwrap();
        cell_count += cells.cells.len();
        taking.stage(range, cells).unwrap();
    }
    taker.replica.publish(&mut taker.store, taking).unwrap();
    assert_eq!(taker.replica.summary(), source.replica.summary());
    println!("10 of 20,010 differ: {rounds} rounds, {cell_count} cells moved");
    assert!(cell_count <= 10 * 128, "{cell_count} cells for 10 differences");
}
