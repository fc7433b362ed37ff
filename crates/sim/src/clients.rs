//! Clients: random commands to random nodes, and what each was promised.

use std::collections::BTreeMap;

use api::{Call, Level, Lifetime, Operation, Outcome, SetCondition};
use cells::Keyspace;
use node::RequestId;

const KEYSPACE: Keyspace = Keyspace(1);
const KEY_COUNT: u8 = 3;

/// What a client did with one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Added to a counter.
    Add(String),
    /// Put a member of its own into a set.
    Join(String, u64),
    /// Took a member out that had been put in.
    Leave(String, u64),
    /// Wrote the next number into a register that only this client writes.
    Write(String, u64),
    /// Read a register at a quorum, when this number had been promised.
    Read(String, u64),
}

/// What everybody was promised.
#[derive(Default)]
pub(crate) struct History {
    pub(crate) attempted: Vec<Deed>,
    pub(crate) promised: Vec<Deed>,
    /// Reads that went back behind a promise: the register, what was promised, what was read.
    pub(crate) stale_reads: Vec<(String, u64, Outcome)>,
    open: BTreeMap<RequestId, Deed>,
    promised_numbers: BTreeMap<String, u64>,
    asked_count: u64,
}

impl History {
    /// Makes up the next command.
    pub(crate) fn ask(&mut self, rng: &mut fastrand::Rng) -> (RequestId, Call) {
        self.asked_count += 1;
        let request = RequestId(self.asked_count);
        let deed = self.think(rng);
        let (key, operation) = command(&deed);
        let call = Call {
            keyspace: KEYSPACE,
            key: key.into_bytes(),
            read: Level::Quorum,
            write: Level::Quorum,
            operation,
        };
        self.attempted.push(deed.clone());
        self.open.insert(request, deed);
        (request, call)
    }

    /// Takes an answer down.
    pub(crate) fn answered(&mut self, request: RequestId, outcome: Outcome) {
        let Some(deed) = self.open.remove(&request) else { return };
        if matches!(outcome, Outcome::Failed(_)) {
            return;
        }
        match &deed {
            Deed::Write(key, number) => {
                let promised = self.promised_numbers.entry(key.clone()).or_default();
                *promised = number.max(promised).to_owned();
            }
            Deed::Read(key, promised) => {
                if number_of(&outcome) < *promised {
                    self.stale_reads.push((key.clone(), *promised, outcome));
                    return;
                }
            }
            // A removal that found nothing promises nothing.
            Deed::Leave(..) if outcome == Outcome::Integer(0) => return,
            Deed::Add(_) | Deed::Join(..) | Deed::Leave(..) => {}
        }
        self.promised.push(deed);
    }

    fn think(&self, rng: &mut fastrand::Rng) -> Deed {
        let key = rng.u8(0..KEY_COUNT);
        let unique = self.asked_count;
        match rng.u8(0..10) {
            0..=2 => Deed::Add(format!("counter{key}")),
            3..=4 => Deed::Join(format!("set{key}"), unique),
            5 => self.leave(rng).unwrap_or_else(|| Deed::Join(format!("set{key}"), unique)),
            6..=7 => Deed::Write(format!("register{key}"), unique),
            _ => {
                let key = format!("register{key}");
                let promised = self.promised_numbers.get(&key).copied().unwrap_or(0);
                Deed::Read(key, promised)
            }
        }
    }

    fn leave(&self, rng: &mut fastrand::Rng) -> Option<Deed> {
        let joined = |deed: &Deed| match deed {
            Deed::Join(key, member) => Some(Deed::Leave(key.clone(), *member)),
            _ => None,
        };
        let members: Vec<Deed> = self.promised.iter().filter_map(joined).collect();
        (!members.is_empty()).then(|| members[rng.usize(0..members.len())].clone())
    }
}

/// What a register's text counts as; nothing counts as zero.
fn number_of(outcome: &Outcome) -> u64 {
    match outcome {
        Outcome::Value(value) => {
            std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
        }
        _ => 0,
    }
}

fn command(deed: &Deed) -> (String, Operation) {
    let members = |member: &u64| vec![member.to_string().into_bytes()];
    match deed {
        Deed::Add(key) => (key.clone(), Operation::Increment { by: 1 }),
        Deed::Join(key, member) => (key.clone(), Operation::SetAdd { members: members(member) }),
        Deed::Leave(key, member) => {
            (key.clone(), Operation::SetRemove { members: members(member) })
        }
        Deed::Write(key, number) => {
            let value = number.to_string().into_bytes();
            let (lifetime, condition) = (Lifetime::Forever, SetCondition::Always);
            (key.clone(), Operation::Set { value, lifetime, condition })
        }
        Deed::Read(key, _) => (key.clone(), Operation::Get),
    }
}

/// A plain read at one owner, for the checkers.
pub(crate) fn look(key: &str, operation: Operation) -> Call {
    let (read, write) = (Level::One, Level::One);
    Call { keyspace: KEYSPACE, key: key.as_bytes().to_vec(), read, write, operation }
}
