//! What a replica keeps in its store: rows of cells, records of operations, the state blob.
//!
//! Drawn byte by byte in `docs/formats/store.md`. Each format starts with or is governed by a
//! version; decoders are total.

mod record;
mod row;
mod state;

pub(crate) use record::{decode_record, encode_record, record_cell};
pub(crate) use row::{decode_cell, encode_cell};
pub(crate) use state::{decode_state, encode_state};

pub(crate) use causality::format::{
    COUNTER_MAX, ITEMS_MAX, put_clock, put_counters, put_dot, put_sealed, read_clock,
    read_counters, read_dot, read_sealed,
};
