//! RESP2 and RESP3 bytes to frames and back, incremental, bounded, without allocation on the hot path.
