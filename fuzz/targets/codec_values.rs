//! Hands the fuzzer's bytes to the body `codec_values`, see `crates/decoders`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| decoders::run("codec_values", input));
