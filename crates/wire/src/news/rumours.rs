//! Messages of gossip machines: digests, deltas, probes, and the rumours that ride along.

use codec::{DecodeError, Reader, put_varint};
use gossip::{
    ACCUSER_COUNT_MAX, Body, Claim, ClusterHash, Delta, Digest, Entry, Generation, Heartbeat,
    Identity, Incarnation, Key, Message, NodeId, Page, ProbeId, Rumor, Start, StateHash, Value,
    Version,
};

use super::fields::{Field, get_text, numbers, put_text, structs, wide_numbers};

numbers!(NodeId, Generation, Version, Incarnation, Heartbeat);
wide_numbers!(ClusterHash, StateHash, ProbeId);
structs! {
    Message, at least 14 { cluster, sender, incarnation, heartbeat, rumors, body }
    Identity, at least 2 { node, generation }
    Digest, at least 4 { identity, version, floor }
    Page, at least 3 { digests, first, last }
    Delta, at least 7 { identity, start, through, latest, floor, entries }
    Entry, at least 3 { key, version, value }
    Rumor, at least 4 { subject, incarnation, claim }
}

impl Field for Key {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(out, self);
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        get_text(reader).map(Self::from)
    }
}

/// A deleted key has no value: 0. Otherwise the length and one more, then the bytes.
impl Field for Option<Value> {
    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.as_ref().map_or(0, |value| value.len() as u64 + 1));
        out.extend_from_slice(self.as_deref().unwrap_or_default());
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length = reader.count("value", usize::MAX)?.checked_sub(1);
        length.map(|length| reader.take(length).map(Value::from)).transpose()
    }
}

impl Field for Start {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Afresh => out.push(0),
            Self::After(version) => {
                out.push(1);
                version.put(out);
            }
        }
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.byte()? {
            0 => Ok(Self::Afresh),
            1 => Field::get(reader).map(Self::After),
            _ => Err(DecodeError::Unknown("start")),
        }
    }
}

impl Field for Claim {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Alive { heartbeat } => {
                out.push(0);
                heartbeat.put(out);
            }
            Self::Suspect { accusers } => {
                out.push(1);
                accusers.put(out);
            }
            Self::Down => out.push(2),
        }
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.byte()? {
            0 => Ok(Self::Alive { heartbeat: Field::get(reader)? }),
            1 => {
                let accusers: Vec<NodeId> = Field::get(reader)?;
                match accusers.len() {
                    0..=ACCUSER_COUNT_MAX => Ok(Self::Suspect { accusers }),
                    _ => Err(DecodeError::Limit("accusers")),
                }
            }
            2 => Ok(Self::Down),
            _ => Err(DecodeError::Unknown("claim")),
        }
    }
}

/// Numbers bodies and lists their fields.
macro_rules! bodies {
    ($($number:literal $name:ident { $($field:ident),* })+) => {
        impl Field for Body {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    Self::Syn { hash, page } => {
                        out.push(u8::from(page.is_some()));
                        hash.put(out);
                        page.iter().for_each(|page| page.put(out));
                    }
                    $(Self::$name { $($field),* } => {
                        out.push($number);
                        $($field.put(out);)*
                    })+
                }
            }

            fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match reader.byte()? {
                    0 => Ok(Self::Syn { hash: Field::get(reader)?, page: None }),
                    1 => {
                        let hash = Field::get(reader)?;
                        Ok(Self::Syn { hash, page: Some(Field::get(reader)?) })
                    }
                    $($number => Ok(Self::$name { $($field: Field::get(reader)?),* }),)+
                    _ => Err(DecodeError::Unknown("gossip")),
                }
            }
        }
    };
}

bodies! {
    2 SynAck { deltas, wanted }
    3 Ack { deltas }
    4 Ping { probe }
    5 Pong { probe }
    6 Relay { probe, target }
    7 Relayed { probe, target, incarnation, heartbeat }
    8 Unreached { probe }
    9 Notice {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::news::News;

    fn identity(rng: &mut fastrand::Rng) -> Identity {
        Identity { node: NodeId(rng.u32(..)), generation: Generation(rng.u64(..)) }
    }

    fn delta(rng: &mut fastrand::Rng) -> Delta {
        let entry = |rng: &mut fastrand::Rng| Entry {
            key: Key::from("view"),
            version: Version(rng.u64(..)),
            value: rng.bool().then(|| Value::from(vec![7; rng.usize(..9)])),
        };
        Delta {
            identity: identity(rng),
            start: if rng.bool() { Start::Afresh } else { Start::After(Version(rng.u64(..))) },
            through: Version(rng.u64(..)),
            latest: Version(rng.u64(..)),
            floor: Version(rng.u64(..)),
            entries: (0..rng.usize(..4)).map(|_| entry(rng)).collect(),
        }
    }

    fn digest(rng: &mut fastrand::Rng) -> Digest {
        let identity = identity(rng);
        Digest { identity, version: Version(rng.u64(..)), floor: Version(rng.u64(..)) }
    }

    fn body(rng: &mut fastrand::Rng) -> Body {
        let (probe, target) = (ProbeId(rng.u64(..)), NodeId(rng.u32(..)));
        let hash = StateHash(rng.u64(..));
        let deltas = (0..rng.usize(..3)).map(|_| delta(rng)).collect();
        let digests: Vec<Digest> = (0..rng.usize(..3)).map(|_| digest(rng)).collect();
        match rng.u8(..10) {
            0 => Body::Syn { hash, page: None },
            1 => {
                let page = Page { digests, first: target, last: NodeId(0) };
                Body::Syn { hash, page: Some(page) }
            }
            2 => Body::SynAck { deltas, wanted: digests },
            3 => Body::Ack { deltas },
            4 => Body::Ping { probe },
            5 => Body::Pong { probe },
            6 => Body::Relay { probe, target },
            7 => {
                let (incarnation, heartbeat) = (Incarnation(1), Heartbeat(u64::MAX));
                Body::Relayed { probe, target: identity(rng), incarnation, heartbeat }
            }
            8 => Body::Unreached { probe },
            _ => Body::Notice,
        }
    }

    fn message(rng: &mut fastrand::Rng) -> Message {
        let claim = |rng: &mut fastrand::Rng| match rng.u8(..3) {
            0 => Claim::Alive { heartbeat: Heartbeat(rng.u64(..)) },
            1 => Claim::Suspect { accusers: vec![NodeId(3); rng.usize(..=ACCUSER_COUNT_MAX)] },
            _ => Claim::Down,
        };
        let rumor = |rng: &mut fastrand::Rng| Rumor {
            subject: identity(rng),
            incarnation: Incarnation(rng.u64(..)),
            claim: claim(rng),
        };
        Message {
            cluster: ClusterHash(rng.u64(..)),
            sender: identity(rng),
            incarnation: Incarnation(rng.u64(..)),
            heartbeat: Heartbeat(rng.u64(..)),
            rumors: (0..rng.usize(..4)).map(|_| rumor(rng)).collect(),
            body: body(rng),
        }
    }

    #[test]
    fn every_message_comes_back_and_no_part_of_one_does() {
        for seed in 0..2_000 {
            let news = News::Rumours(message(&mut fastrand::Rng::with_seed(seed)));
            let bytes = news.encode();
            assert_eq!(News::decode(&bytes).as_ref(), Ok(&news), "seed {seed}");
            for end in 0..bytes.len() {
                assert!(News::decode(&bytes[..end]).is_err(), "seed {seed}, {end} bytes");
            }
        }
    }

    #[test]
    fn too_many_accusers_are_refused() {
        let mut rng = fastrand::Rng::with_seed(1);
        let claim = Claim::Suspect { accusers: vec![NodeId(1); ACCUSER_COUNT_MAX + 1] };
        let subject = identity(&mut rng);
        let rumors = vec![Rumor { subject, incarnation: Incarnation(0), claim }];
        let news = News::Rumours(Message { rumors, ..message(&mut rng) });
        assert_eq!(News::decode(&news.encode()), Err(DecodeError::Limit("accusers")));
    }

    #[test]
    fn a_message_is_never_much_larger_than_the_machine_thinks() {
        // Only numbers above 2^56 take more than eight bytes; real ones are small.
        for seed in 0..500 {
            let message = message(&mut fastrand::Rng::with_seed(seed));
            let estimate = message.size_estimate();
            let size = News::Rumours(message).encode().len();
            assert!(size <= estimate * 5 / 4 + 1, "seed {seed}: {size} of {estimate}");
        }
    }
}
