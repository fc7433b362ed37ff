//! Hands the fuzzer's bytes to the body `client_context`, see `crates/decoders`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| decoders::run("client_context", input));
