//! Two honest replicas with a random history, and everything they would say to each other.

use causality::{Actor, Incarnation, Millis, NodeId};
use cells::types::{key, list, map, set, string, zset};
use cells::{Draft, KeyAddress, Keyspace, OwnedOp};
use fastrand::Rng;
use replica::{Replica, SealedDetail, Settings};
use storage::MemoryStore;
use wire::shard::{Detail, Sealing, StateCellsWanted};
use wire::{
    Encoder, FrameLimit, HEADER_SIZE, Kind, Message, Outcome, ProtocolVersion, Repair, RequestId,
    RootHash, ShardId,
};

pub(crate) const SHARD: u16 = 3;
pub(crate) const NOW: Millis = Millis(1_760_000_000_000);
pub(crate) const KEY: KeyAddress<'static> = KeyAddress { keyspace: Keyspace(1), key: b"key" };
const REQUEST: RequestId = RequestId(77);

/// A replica with its store, and all it has minted.
pub(crate) struct Honest {
    pub(crate) replica: Replica,
    pub(crate) store: MemoryStore,
    pub(crate) minted: Vec<OwnedOp>,
}

impl Honest {
    pub(crate) fn new(node: u32) -> Self {
        let mut store = MemoryStore::new();
        let me = Actor::new(NodeId(node), Incarnation(1));
        let replica = Replica::open(SHARD, me, Settings::default(), &mut store).unwrap();
        Self { replica, store, minted: Vec::new() }
    }

    /// Writes to the key as a client of some data type does.
    pub(crate) fn write(&mut self, rng: &mut Rng) {
        let member = [b'm', rng.u8(..4)];
        let mut draft = Draft::new(self.replica.next_dot());
        let mut cells = self.replica.reader(&mut self.store, NOW);
        let end = NOW.plus(rng.u64(1..10_000));
        let score = f64::from(rng.u8(..9));
        let drafted = match rng.u8(..9) {
            0 => string::increment(&mut cells, KEY, 3, &mut draft).map(drop),
            1 => set::add(&mut cells, KEY, &member, &mut draft).map(drop),
            2 => set::remove(&mut cells, KEY, &member, &mut draft).map(drop),
            3 => zset::add(&mut cells, KEY, &member, score, &mut draft).map(drop),
            4 => zset::increment(&mut cells, KEY, &member, score, &mut draft).map(drop),
            5 => list::push(&mut cells, KEY, list::End::Back, &[&member], &mut draft),
            6 => {
                map::increment(&mut cells, KEY, &map::Path::field(&member), 2, &mut draft).map(drop)
            }
            7 => key::expire(&mut cells, KEY, end, &mut draft).map(drop),
            _ => string::set(&mut cells, KEY, &member, rng.bool().then_some(end), &mut draft),
        };
        if drafted.is_err() {
            // Text is no number to add to: the client is told, and nothing is written.
            return;
        }
        for change in draft.changes() {
            let minted = self.replica.mint(&mut self.store, NOW, KEY, change.clone());
            self.minted.push(minted.unwrap());
        }
    }
}

/// One replica that wrote, and another that wrote less and has some of the first one's.
pub(crate) fn pair(rng: &mut Rng) -> (Honest, Honest) {
    let (mut one, mut other) = (Honest::new(1), Honest::new(2));
    for _ in 0..rng.usize(1..12) {
        one.write(rng);
    }
    for _ in 0..rng.usize(..4) {
        other.write(rng);
    }
    if rng.u8(..4) == 0 {
        let clear = other.replica.mint_clear(&mut other.store, NOW, KEY).unwrap();
        other.minted.push(clear);
    }
    for op in one.minted.iter().filter(|_| rng.bool()) {
        other.replica.apply(&mut other.store, NOW, &op.borrow()).unwrap();
    }
    if rng.bool() {
        let freeze = Sealing::Freeze { actor: one.replica.actor(), ballot: 2 };
        other.replica.take_sealing(&mut other.store, &freeze).unwrap();
    }
    (one, other)
}

/// Messages of an exchange between the two, in a good order, each as kind and body.
pub(crate) fn messages(rng: &mut Rng) -> Vec<(Kind, Vec<u8>)> {
    let (one, mut other) = pair(rng);
    let (shard, request, actor) = (ShardId(SHARD), REQUEST, other.replica.actor());
    let wanted = one.replica.want_groups(10_000, SealedDetail::Whole);
    let given = other.replica.give_groups(&mut other.store, &wanted).unwrap();
    let keys = one.replica.key_sums([KEY]);
    let opened = other.replica.open_image(&mut other.store, NOW, Millis(0)).unwrap();
    let (session, after, budget) = (opened.session, None, 10_000);
    let (first, last, detail) = (0, u64::MAX, Detail::Values);
    let cells_wanted = StateCellsWanted { session, first, last, after, detail, budget };
    let cells = other.replica.image_cells(&mut other.store, &cells_wanted).unwrap();
    let walk = one.replica.start_walk();
    let ask = one.replica.walk_ask(&walk).unwrap();
    let tell = other.replica.walk_answer(&ask).unwrap();
    let counters = other.replica.clock().get(actor).cloned().unwrap_or_default();
    let sealing = match rng.u8(..3) {
        0 => Sealing::Freeze { actor, ballot: 1 },
        1 => Sealing::Allow { actor, ballot: 1, counters },
        _ => Sealing::Seal { actor, counters },
    };
    let mut said = vec![
        Message::Beat { now: one.replica.last_time(), horizon: Millis(5000), root: RootHash(1) },
        Message::KeysWanted {
            shard,
            request,
            repair: Repair::Later,
            patience_ms: 500,
            keys,
            wanted: wanted.clone(),
        },
        Message::Wanted { shard, request, wanted },
        Message::Given { shard, request, given },
        Message::Replicate { shard, request, ops: other.minted },
        Message::StateWanted { shard, request, horizon: Millis(0) },
        Message::CellsWanted { shard, request, wanted: cells_wanted },
        Message::Ask { shard, request, session, ask },
        Message::Tell { shard, request, session, tell },
        Message::Sealing { shard, request, sealing },
        Message::StateOpened { shard, request, opened },
        Message::CellsGiven { shard, request, cells },
        Message::Summary { shard, request, summary: one.replica.summary() },
        Message::Acknowledged {
            shard,
            request,
            outcome: Outcome::Applied,
            clock: Some(other.replica.whole_clock()),
        },
        Message::StateClosed { shard, session },
    ];
    said.retain(|_| rng.u8(..4) > 0);
    said.into_iter().map(|message| (message.kind(), body_of(&message))).collect()
}

/// The body of a message on a fresh link.
fn body_of(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(ProtocolVersion::CURRENT, FrameLimit::default());
    encoder.message(message, &mut bytes).unwrap();
    bytes.split_off(HEADER_SIZE)
}
