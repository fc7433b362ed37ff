//! Inputs that were once wrong, each with a sentence about the bug.

use causality::{Actor, Incarnation, NodeId};
use cells::Family;
use codec::put_varint;
use decoders::{put_part, run};

/// A state blob whose clock has one actor with this base, and one run after a gap.
fn state(node: u32, base: u64, run: Option<(u64, u64)>) -> Vec<u8> {
    let mut blob = vec![1, 1];
    blob.extend_from_slice(&Actor::new(NodeId(node), Incarnation(1)).bits().to_le_bytes());
    put_varint(&mut blob, base);
    put_varint(&mut blob, u64::from(run.is_some()));
    if let Some((gap, length)) = run {
        put_varint(&mut blob, gap);
        put_varint(&mut blob, length);
    }
    // No retired actors, no floors, no horizon, no time, no clears, no freezes, no rows.
    blob.extend_from_slice(&[0; 3 + 8 + 3 + 32 + 1]);
    blob
}

/// Counting on from the last number there is overflowed, in the next dot and in clocks.
#[test]
fn a_clock_at_the_end_of_all_numbers() {
    for node in [1, 2] {
        for base in [u64::MAX, u64::MAX - 1, 1 << 48] {
            run("replica_state", &state(node, base, None));
        }
        for length in [0, u64::MAX - 7, u64::MAX - 6] {
            run("replica_state", &state(node, 1, Some((5, length))));
        }
    }
}

const RECORD: &[u8] = b"\x01\0\0\0\0\0\0\0\0\x01\x03key\x02\x03m\0\0value";

/// An entry of actor 2, named by any counter.
fn entry(counter: u64, record: &[u8]) -> Vec<u8> {
    let mut input = vec![0xf2, 0];
    input.extend_from_slice(&counter.to_le_bytes());
    put_part(&mut input, record);
    input
}

/// The same from the log: the second entry was compared with the one after the last number.
#[test]
fn entries_at_the_end_of_all_numbers() {
    let counters = [u64::MAX, u64::MAX - 1, 5];
    let input: Vec<u8> = counters.iter().flat_map(|counter| entry(*counter, RECORD)).collect();
    run("replica_records", &input);
}

/// Counters start at 1, which was asserted and not checked.
#[test]
fn an_entry_before_the_first() {
    run("replica_records", &entry(0, RECORD));
}

/// That no operation supersedes itself was asserted and not checked.
#[test]
fn an_entry_that_supersedes_itself() {
    let mut record = RECORD[..17].to_vec();
    record.push(1);
    record.extend_from_slice(&Actor::new(NodeId(2), Incarnation(1)).bits().to_le_bytes());
    record.extend_from_slice(b"\x05\0value");
    run("replica_records", &entry(5, &record));
}

/// A head that counts up to the last number was taken, and counting on overflowed.
#[test]
fn a_head_at_the_end_of_all_numbers() {
    for count in [u64::MAX, u64::MAX - 1, 1 << 48] {
        let mut head = vec![Family::SetMember as u8];
        put_varint(&mut head, count);
        let mut input = vec![0];
        put_part(&mut input, &[0]);
        put_part(&mut input, &head);
        run("replica_rows", &input);
    }
}
