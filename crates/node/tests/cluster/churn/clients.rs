//! Clients that remember what they were promised.

use std::collections::{BTreeMap, BTreeSet};

use api::{Call, Level, Operation, Outcome};
use cells::Keyspace;
use fastrand::Rng;
use node::RequestId;

const KEYS: u8 = 6;

#[derive(Clone, Debug)]
enum Asked {
    Increment {
        key: u8,
    },
    Add {
        key: u8,
        member: u32,
    },
    /// What was promised before the read began.
    Read {
        key: u8,
        promised: BTreeSet<u32>,
    },
}

/// What was asked and answered so far.
#[derive(Debug, Default)]
pub struct Clients {
    open: BTreeMap<RequestId, Asked>,
    next: u64,
    pub attempted: u64,
    pub promised: u64,
    /// By key: acknowledged, attempted.
    pub counters: BTreeMap<u8, (i64, i64)>,
    pub members: BTreeMap<u8, BTreeSet<u32>>,
}

pub fn counter_key(key: u8) -> Vec<u8> {
    format!("n{key}").into()
}

pub fn set_key(key: u8) -> Vec<u8> {
    format!("s{key}").into()
}

pub fn call(key: Vec<u8>, operation: Operation) -> Call {
    Call {
        keyspace: Keyspace(1),
        key,
        read: Level::Quorum,
        write: Level::Quorum,
        session: None,
        staleness: None,
        operation,
    }
}

impl Clients {
    /// Asks something.
    pub fn ask(&mut self, rng: &mut Rng) -> (RequestId, Call) {
        self.next += 1;
        let (request, key) = (RequestId(self.next), rng.u8(..KEYS));
        let (asked, call) = match rng.u8(..4) {
            0 => {
                self.counters.entry(key).or_default().1 += 1;
                let increment = Operation::Increment { by: 1 };
                (Asked::Increment { key }, call(counter_key(key), increment))
            }
            1 | 2 => {
                let member = u32::try_from(self.next).unwrap();
                let members = vec![member.to_string().into()];
                (Asked::Add { key, member }, call(set_key(key), Operation::SetAdd { members }))
            }
            _ => {
                let promised = self.members.get(&key).cloned().unwrap_or_default();
                (Asked::Read { key, promised }, call(set_key(key), Operation::SetMembers))
            }
        };
        self.attempted += 1;
        self.open.insert(request, asked);
        (request, call)
    }

    /// Takes an answer; one that contradicts an earlier promise is an error.
    pub fn answered(&mut self, request: RequestId, outcome: &Outcome) -> Result<(), String> {
        let Some(asked) = self.open.remove(&request) else { return Ok(()) };
        if matches!(outcome, Outcome::Failed(_)) {
            return Ok(());
        }
        self.promised += 1;
        match asked {
            Asked::Increment { key } => self.counters.entry(key).or_default().0 += 1,
            Asked::Add { key, member } => {
                self.members.entry(key).or_default().insert(member);
            }
            Asked::Read { key, promised } => {
                let shown = members_of(outcome);
                let lost: Vec<_> = promised.difference(&shown).collect();
                if !lost.is_empty() {
                    return Err(format!("a quorum read of s{key} does not show {lost:?}"));
                }
            }
        }
        Ok(())
    }
}

pub fn members_of(outcome: &Outcome) -> BTreeSet<u32> {
    let Outcome::Values(values) = outcome else { return BTreeSet::new() };
    values.iter().map(|value| std::str::from_utf8(value).unwrap().parse().unwrap()).collect()
}
