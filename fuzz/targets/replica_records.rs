//! Hands the fuzzer's bytes to the body `replica_records`, see `crates/decoders`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| decoders::run("replica_records", input));
