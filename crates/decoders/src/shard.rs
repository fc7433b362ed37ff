//! What peers and clients may make a sound replica do: exchange, state exchange, sealing, and
//! cells whose payloads are of no known form.

use causality::{Dots, Millis};
use cells::{Change, Family};
use replica::{EVERY_KEY, Replica, ReplicaError, StateTaking};
use storage::MemoryStore;
use wire::shard::{Detail, GroupsGiven, StateCellsWanted, StateSession};
use wire::{Kind, Message};

use crate::link::decode;
use crate::script::Script;
use crate::stored::{KEY, NOW, open, read_everything, view_everything};

/// The input is messages of one peer: whatever decodes is taken as if it were asked for.
pub(crate) fn replica_peer(input: &[u8]) {
    let mut script = Script::new(input);
    let mut store = MemoryStore::new();
    let mut replica = open(&mut store).expect("an empty store opens");
    let mut taking = None;
    while !script.is_empty() {
        let kind = Kind::ALL[usize::from(script.byte()) % Kind::ALL.len()];
        if let Some(message) = decode(kind, script.part()) {
            let _ = take(&mut replica, &mut store, &mut taking, message);
        }
    }
    if let Some(taking) = taking {
        let _ = replica.publish(&mut store, taking);
    }
    read_everything(&mut replica, &mut store);
}

fn take(
    replica: &mut Replica,
    store: &mut MemoryStore,
    taking: &mut Option<StateTaking>,
    message: Message,
) -> Result<(), ReplicaError> {
    match message {
        Message::Replicate { ops, .. } => {
            for op in &ops {
                let _ = replica.apply(store, NOW, &op.borrow());
            }
        }
        Message::Wanted { wanted, .. } => drop(replica.give_groups(store, &wanted)?),
        Message::KeysWanted { keys, wanted, .. } => {
            drop(replica.give_key_groups(store, &wanted, &keys)?);
        }
        Message::Given { given: GroupsGiven::Groups { groups, horizon, sealed, .. }, .. } => {
            if let Some(sealed) = sealed {
                replica.learn_sealed(store, &sealed)?;
            }
            drop(replica.take_groups(store, NOW, horizon, &groups)?);
        }
        Message::StateWanted { horizon, .. } => drop(replica.open_image(store, NOW, horizon)?),
        Message::StateOpened { opened, .. } if taking.is_none() => {
            *taking = Some(replica.begin_taking(store, NOW, opened)?);
        }
        Message::CellsWanted { wanted, .. } => {
            drop(replica.names(store, &wanted)?);
            drop(replica.image_cells(store, &wanted)?);
        }
        Message::Names { names, .. } => {
            let wanted = StateCellsWanted {
                session: StateSession::PRESENT,
                first: EVERY_KEY.first,
                last: EVERY_KEY.last,
                after: None,
                detail: Detail::Names,
                budget: 0,
            };
            drop(replica.differences(store, &wanted, &names)?);
        }
        Message::Lost { versions, .. } => {
            for lost in versions {
                drop(replica.give_back(store, &lost.cell, lost.dot));
            }
        }
        Message::CellsGiven { cells, .. } => {
            if let Some(taking) = taking {
                taking.stage(EVERY_KEY, cells)?;
            }
        }
        Message::StateClosed { session, .. } => replica.close_image(session),
        Message::Ask { session, ask, .. } => {
            drop(replica.walk_answer(&ask)?);
            drop(replica.image_answer(session, &ask)?);
        }
        Message::Tell { tell, .. } => {
            let mut walk = replica.start_walk();
            replica.walk_take(&mut walk, &tell)?;
        }
        Message::Summary { summary, .. } => _ = replica.confirm(&summary),
        Message::Reinstate { reinstate, .. } => replica.reinstate(store, &reinstate)?,
        Message::Sealing { sealing, .. } => drop(replica.take_sealing(store, &sealing)?),
        Message::Beat { horizon, .. } => replica.adopt_horizon(store, NOW, horizon)?,
        _ => {}
    }
    Ok(())
}

/// The input is cells of one key: as every data type would write them, or none would.
pub(crate) fn cell_views(input: &[u8]) {
    let mut script = Script::new(input);
    let mut store = MemoryStore::new();
    let mut replica = open(&mut store).expect("an empty store opens");
    while !script.is_empty() {
        let [choice, expiry] = script.array();
        let family = Family::from_byte(choice % 18).unwrap_or(Family::Register);
        let (subkey, payload) = (script.part(), script.part().to_vec());
        let expiry = (expiry >= 128).then(|| NOW.plus(u64::from(expiry)).minus(192));
        let (column, removed) = (family.column(subkey), Dots::new());
        let change = Change { column, removed, insert: Some((payload, expiry)) };
        let _ = replica.mint(&mut store, NOW, KEY, change);
        view_everything(&replica, &mut store);
    }
    replica.expire(&mut store, Millis(NOW.0 + 100_000)).expect("its own rows are sound");
    read_everything(&mut replica, &mut store);
    let scrubbed = replica.scrub(&mut store).expect("its own rows are sound");
    assert_eq!(scrubbed, replica::Scrubbed::Sound);
}
