//! Hands the fuzzer's bytes to the body `resp_replies`, see `crates/decoders`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| decoders::run("resp_replies", input));
