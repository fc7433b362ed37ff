//! Hands the fuzzer's bytes to the body `merkle_walk`, see `crates/decoders`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| decoders::run("merkle_walk", input));
