//! Hands the fuzzer's bytes to the body `cell_views`, see `crates/decoders`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| decoders::run("cell_views", input));
