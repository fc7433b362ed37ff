//! The codec as peers use it: whole messages over whole links, hostile bytes, and costs.

#![expect(clippy::unwrap_used, reason = "a failing test panics")]

mod bars;
mod generate;
mod golden;
mod hostile;
mod links;

/// Returns how many seeds to try: few by default, more when `STARLING_SEEDS` says so.
fn seeds(default: u64) -> std::ops::Range<u64> {
    let given = std::env::var("STARLING_SEEDS").ok().and_then(|text| text.parse().ok());
    0..given.unwrap_or(default)
}
