//! Hands the fuzzer's bytes to the body `wire_news`, see `crates/decoders`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| decoders::run("wire_news", input));
