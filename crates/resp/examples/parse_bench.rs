//! Measures the hot path: 16 pipelined SETs of 100 bytes parsed, 16 replies written.
//!
//! Run with `cargo run --release --example parse_bench`; prints the best of several rounds, since
//! everything slower is the machine's noise.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::hint::black_box;
use std::time::Instant;

use resp::{Limits, Parsed, Parser, Protocol, Writer, encode_command};

const COMMANDS_COUNT: usize = 16;
const PASSES_COUNT: usize = 20_000;
const ROUNDS_COUNT: usize = 20;

fn main() {
    let value = [b'x'; 100];
    let mut pipeline = Vec::new();
    for index in 0..COMMANDS_COUNT {
        let key = format!("key:{index:012}");
        encode_command(&mut pipeline, [b"SET".as_slice(), key.as_bytes(), &value]);
    }
    let mut parser = Parser::new(Limits::default());
    report("parse SET of 100 bytes", || parse(&mut parser, &pipeline));
    let inline = b"SET key:000000000001 value\r\n".repeat(COMMANDS_COUNT);
    report("parse inline SET", || parse(&mut parser, &inline));
    let mut out = Vec::new();
    report("write bulk of 100 bytes", || {
        write(&mut out, |writer| writer.bulk(black_box(&value)));
    });
    report("write integer", || write(&mut out, |writer| writer.integer(black_box(123_456))));
    report("write double", || write(&mut out, |writer| writer.double(black_box(3.1))));
}

fn parse(parser: &mut Parser, buffer: &[u8]) {
    let (mut start, mut count) = (0, 0);
    while let Ok(Parsed::Command { command, consumed }) = parser.parse(&buffer[start..]) {
        black_box((command.name(), command.get(1), command.get(2)));
        start += consumed;
        count += 1;
    }
    assert_eq!((count, start), (COMMANDS_COUNT, buffer.len()));
}

fn write(out: &mut Vec<u8>, reply: impl Fn(&mut Writer<'_>)) {
    out.clear();
    let mut writer = Writer::new(out, Protocol::Resp3);
    for _ in 0..COMMANDS_COUNT {
        reply(&mut writer);
    }
    black_box(out);
}

/// Prints the nanoseconds that one of the commands of a pass takes.
fn report(name: &str, mut pass: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS_COUNT {
        let began = Instant::now();
        (0..PASSES_COUNT).for_each(|_| pass());
        best = best.min(began.elapsed().as_secs_f64());
    }
    let each = best * 1e9 / (PASSES_COUNT * COMMANDS_COUNT) as f64;
    println!("{name:<26} {each:6.1} ns");
}
