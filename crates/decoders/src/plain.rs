//! Decoders that need nothing but their bytes: numbers, contexts of clients, and what a Redis
//! client or server says.

use causality::{Context, ContextError, ContextKey, ContextScope};
use codec::{Reader, put_slice, put_varint, varint_len};
use resp::{Limits, Parsed, ParsedReply, Parser, ReplyLimits, ReplyParser};

use crate::script::Script;

/// Each number and slice that is read was written in exactly the bytes that were taken for it.
pub(crate) fn codec_values(input: &[u8]) {
    let mut reader = Reader::new(input);
    while !reader.is_empty() {
        let before = reader.rest();
        let mut written = Vec::new();
        let read = match before[0] % 4 {
            0 => reader.slice("slice", 64).map(|slice| put_slice(&mut written, slice)),
            1 => reader.u128().map(|value| written.extend_from_slice(&value.to_le_bytes())),
            2 => reader.count("count", 1 << 20).map(|count| put_varint(&mut written, count as u64)),
            _ => reader.varint().map(|value| {
                put_varint(&mut written, value);
                assert_eq!(written.len(), varint_len(value));
            }),
        };
        if read.is_err() {
            return;
        }
        let taken = before.len() - reader.rest().len();
        assert_eq!(written, before[..taken], "read and written differ");
    }
    assert_eq!(reader.finish(), Ok(()));
}

const SECRET: [u8; 16] = [5; 16];
const SCOPE: ContextScope = ContextScope { cluster: 7, shard: 3, key: 99 };

/// Without the secret nothing is accepted; with it, exactly what would be written again.
pub(crate) fn client_context(input: &[u8]) {
    let key = ContextKey::new(SECRET);
    assert!(Context::open(input, &key, SCOPE).is_err(), "a context that was never issued");
    let mut signed = input.to_vec();
    signed.extend_from_slice(&mac_of(&key, input).to_le_bytes());
    match Context::open(&signed, &key, SCOPE) {
        Ok(context) => assert_eq!(context.seal(&key, SCOPE), signed),
        Err(error) => assert_ne!(error, ContextError::Foreign, "the hash was right"),
    }
}

/// The hash that a context's body must bear: an attacker who has the secret.
fn mac_of(key: &ContextKey, body: &[u8]) -> u64 {
    let mut bound = Vec::new();
    bound.extend_from_slice(&SCOPE.cluster.to_le_bytes());
    bound.extend_from_slice(&SCOPE.shard.to_le_bytes());
    bound.extend_from_slice(&SCOPE.key.to_le_bytes());
    bound.extend_from_slice(body);
    key.mac("context", &bound)
}

/// Commands of a client, the input cut in two: the same come out as from the whole.
pub(crate) fn resp_requests(input: &[u8]) {
    let mut script = Script::new(input);
    let cut = usize::from(u16::from_le_bytes(script.array()));
    let stream = script.rest();
    let whole = commands(&[stream.len()], stream);
    assert_eq!(commands(&[cut.min(stream.len()), stream.len()], stream), whole);
}

/// The commands of a stream that arrives up to each of some ends; `None` stands for its failure.
fn commands(ends: &[usize], stream: &[u8]) -> Vec<Option<Vec<Vec<u8>>>> {
    let mut parser = Parser::new(Limits::default());
    let mut found = Vec::new();
    let mut start = 0;
    for end in ends {
        loop {
            match parser.parse(&stream[start..*end]) {
                Ok(Parsed::Command { command, consumed }) => {
                    assert!(0 < consumed && consumed <= end - start);
                    found.push(Some(command.iter().map(<[u8]>::to_vec).collect()));
                    start += consumed;
                }
                Ok(Parsed::Incomplete { consumed, needed }) => {
                    assert!(0 < needed && consumed <= end - start);
                    start += consumed;
                    break;
                }
                Err(_) => {
                    found.push(None);
                    return found;
                }
            }
        }
    }
    found
}

/// Replies of a server, as far as they go.
pub(crate) fn resp_replies(input: &[u8]) {
    let mut parser = ReplyParser::new(ReplyLimits::default());
    let mut rest = input;
    while let Ok(ParsedReply::Complete { reply, consumed }) = parser.parse(rest) {
        assert!(0 < consumed && consumed <= rest.len());
        let _ = (reply.as_bytes(), reply.as_elements());
        rest = &rest[consumed..];
    }
}
