//! What was done to a cluster and what came of it: one line of JSON for each operation.
//!
//! ```text
//! {"process":"a","endpoint":"127.0.0.1:7001","op":"write","key":"k","value":7,
//!  "start_us":120,"end_us":340,"outcome":"ok"}
//! ```
//!
//! A process is one session: it does one thing at a time. `op` is `write` (the value replaces what
//! was there), `read` (the value is what was seen, null for nothing) or `add` (to a counter).
//! `outcome` is `ok`, `failed` (nothing was done) or `unknown`. Times are of one clock.

use std::io::{BufRead, Write};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

/// What was done.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Op {
    Write,
    Read,
    Add,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Ok,
    Failed,
    Unknown,
}

/// One operation.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    pub(crate) process: String,
    pub(crate) endpoint: String,
    pub(crate) op: Op,
    pub(crate) key: String,
    pub(crate) value: Option<i64>,
    pub(crate) start_us: u64,
    pub(crate) end_us: u64,
    pub(crate) outcome: Outcome,
}

/// Reads a history; what is no record is an error with its line.
pub(crate) fn read(input: impl BufRead) -> anyhow::Result<Vec<Record>> {
    let mut records = Vec::new();
    for (index, line) in input.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let record: Record =
            serde_json::from_str(&line).with_context(|| format!("line {}", index + 1))?;
        if record.end_us < record.start_us {
            bail!("line {}: it ended before it began", index + 1);
        }
        records.push(record);
    }
    Ok(records)
}

/// Writes a history.
pub(crate) fn write(records: &[Record], mut out: impl Write) -> anyhow::Result<()> {
    for record in records {
        serde_json::to_writer(&mut out, record)?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}
