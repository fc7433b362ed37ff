//! The simplest thing that carries out calls: one map, no replicas. What it must not do is agree
//! with this crate by accident, so it knows nothing but the vocabulary of calls.

use std::collections::{BTreeMap, BTreeSet};

use api::{Call, CallError, Lifetime, Operation, Outcome, SetCondition};
use causality::Millis;
use cells::Keyspace;

use crate::client::NOW;

#[derive(Default)]
pub(crate) struct Memory {
    keys: BTreeMap<(Keyspace, Vec<u8>), Entry>,
}

struct Entry {
    data: Data,
    expiry: Option<Millis>,
}

enum Data {
    Text(Vec<u8>),
    Set(BTreeSet<Vec<u8>>),
    /// In the order of insertion, as a small hash of Redis.
    Map(Vec<(Vec<u8>, Vec<u8>)>),
}

impl Memory {
    pub(crate) fn carry_out(&mut self, call: Call) -> Outcome {
        let key = (call.keyspace, call.key);
        let outcome = self.operate(&key, call.operation);
        let is_gone = self.keys.get(&key).is_some_and(|entry| {
            let is_empty = match &entry.data {
                Data::Text(_) => false,
                Data::Set(members) => members.is_empty(),
                Data::Map(fields) => fields.is_empty(),
            };
            is_empty || entry.expiry.is_some_and(|expiry| expiry <= NOW)
        });
        if is_gone {
            self.keys.remove(&key);
        }
        outcome.unwrap_or_else(Outcome::Failed)
    }

    fn operate(
        &mut self,
        key: &(Keyspace, Vec<u8>),
        operation: Operation,
    ) -> Result<Outcome, CallError> {
        let flag = |is_true: bool| Ok(Outcome::Integer(i64::from(is_true)));
        match operation {
            Operation::Delete => flag(self.keys.remove(key).is_some()),
            Operation::Exists => flag(self.keys.contains_key(key)),
            Operation::Type => Ok(Outcome::Text(match self.keys.get(key).map(|one| &one.data) {
                None => "none",
                Some(Data::Text(_)) => "string",
                Some(Data::Set(_)) => "set",
                Some(Data::Map(_)) => "hash",
            })),
            Operation::ExpireAt { at } => {
                flag(self.keys.get_mut(key).map(|entry| entry.expiry = Some(at)).is_some())
            }
            Operation::Persist => {
                flag(self.keys.get_mut(key).and_then(|entry| entry.expiry.take()).is_some())
            }
            Operation::ExpiryOf => Ok(match self.keys.get(key) {
                None => Outcome::Nothing,
                Some(entry) => Outcome::Expiry(entry.expiry),
            }),
            Operation::Get
            | Operation::Set { .. }
            | Operation::Increment { .. }
            | Operation::Siblings => self.operate_text(key, operation),
            Operation::SetAdd { .. }
            | Operation::SetRemove { .. }
            | Operation::SetMembers
            | Operation::SetContains { .. }
            | Operation::SetCount => self.operate_set(key, operation),
            other => self.operate_map(key, other),
        }
    }

    fn operate_text(
        &mut self,
        key: &(Keyspace, Vec<u8>),
        operation: Operation,
    ) -> Result<Outcome, CallError> {
        match operation {
            Operation::Set { value, lifetime, condition } => {
                let old = self.keys.get(key);
                let is_met = match condition {
                    SetCondition::Always => true,
                    SetCondition::IfPresent => old.is_some(),
                    SetCondition::IfAbsent => old.is_none(),
                };
                if !is_met {
                    return Ok(Outcome::Nothing);
                }
                let expiry = match lifetime {
                    Lifetime::Forever => None,
                    Lifetime::Keep => old.and_then(|entry| entry.expiry),
                    Lifetime::Until(moment) => Some(moment),
                };
                self.keys.insert(key.clone(), Entry { data: Data::Text(value), expiry });
                Ok(Outcome::Done)
            }
            Operation::Increment { by } => {
                let entry = self.entry(key, || Data::Text(b"0".to_vec()));
                let Data::Text(text) = &mut entry.data else {
                    return Err(CallError::WrongType);
                };
                add(text, by).map(Outcome::Integer)
            }
            _ => match self.keys.get(key).map(|entry| &entry.data) {
                None => Ok(Outcome::Nothing),
                Some(Data::Text(value)) => Ok(Outcome::Value(value.clone())),
                Some(_) => Err(CallError::WrongType),
            },
        }
    }

    fn operate_set(
        &mut self,
        key: &(Keyspace, Vec<u8>),
        operation: Operation,
    ) -> Result<Outcome, CallError> {
        let Data::Set(set) = &mut self.entry(key, || Data::Set(BTreeSet::new())).data else {
            return Err(CallError::WrongType);
        };
        let count = |done: Vec<bool>| done.into_iter().map(i64::from).sum();
        Ok(match operation {
            Operation::SetAdd { members } => {
                Outcome::Integer(count(members.into_iter().map(|one| set.insert(one)).collect()))
            }
            Operation::SetRemove { members } => {
                Outcome::Integer(count(members.iter().map(|one| set.remove(one)).collect()))
            }
            Operation::SetContains { members } => {
                Outcome::Integers(members.iter().map(|one| i64::from(set.contains(one))).collect())
            }
            Operation::SetCount => Outcome::Integer(set.len() as i64),
            _ => Outcome::Values(set.iter().cloned().collect()),
        })
    }

    fn operate_map(
        &mut self,
        key: &(Keyspace, Vec<u8>),
        operation: Operation,
    ) -> Result<Outcome, CallError> {
        let Data::Map(map) = &mut self.entry(key, || Data::Map(Vec::new())).data else {
            return Err(CallError::WrongType);
        };
        Ok(match operation {
            Operation::MapSet { fields } => {
                let before = map.len();
                for (field, value) in fields {
                    *value_of(map, &field) = value;
                }
                Outcome::Integer((map.len() - before) as i64)
            }
            Operation::MapGet { fields } => {
                let value = |field: &Vec<u8>| map.iter().find(|(name, _)| name == field);
                let value = |field| value(field).map(|(_, value)| value.clone());
                Outcome::Optionals(fields.iter().map(value).collect())
            }
            Operation::MapRemove { fields } => {
                let before = map.len();
                map.retain(|(name, _)| !fields.contains(name));
                Outcome::Integer((before - map.len()) as i64)
            }
            Operation::MapCount => Outcome::Integer(map.len() as i64),
            Operation::MapIncrement { field, by } => {
                let text = value_of(map, &field);
                if text.is_empty() {
                    *text = b"0".to_vec();
                }
                Outcome::Integer(add(text, by)?)
            }
            _ => Outcome::Pairs(map.clone()),
        })
    }

    /// Returns the entry, which vanishes after the call when it is still empty.
    fn entry(&mut self, key: &(Keyspace, Vec<u8>), data: impl FnOnce() -> Data) -> &mut Entry {
        self.keys.entry(key.clone()).or_insert_with(|| Entry { data: data(), expiry: None })
    }
}

fn value_of<'a>(map: &'a mut Vec<(Vec<u8>, Vec<u8>)>, field: &[u8]) -> &'a mut Vec<u8> {
    let index = map.iter().position(|(name, _)| name == field).unwrap_or_else(|| {
        map.push((field.to_vec(), Vec::new()));
        map.len() - 1
    });
    &mut map[index].1
}

fn add(text: &mut Vec<u8>, by: i64) -> Result<i64, CallError> {
    let value = resp::parse_integer(text).ok_or(CallError::NotAnInteger)?;
    let sum = value.checked_add(by).ok_or(CallError::Overflow)?;
    *text = sum.to_string().into_bytes();
    Ok(sum)
}
