//! Every kind of reply, byte by byte, in both versions.

#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "a method's path is bound to one lifetime, a closure is not"
)]

use super::*;

/// What is written, with blanks for line ends and without the last one.
fn written(protocol: Protocol, write: impl FnOnce(&mut Writer<'_>)) -> String {
    let mut out = Vec::new();
    write(&mut Writer::new(&mut out, protocol));
    let text = String::from_utf8(out).unwrap().replace("\r\n", " ");
    text.strip_suffix(' ').expect("a line end is last").to_owned()
}

fn check(write: impl Fn(&mut Writer<'_>), resp2: &str, resp3: &str) {
    assert_eq!(written(Protocol::Resp2, &write), resp2);
    assert_eq!(written(Protocol::Resp3, &write), resp3);
}

fn check_same(write: impl Fn(&mut Writer<'_>), expected: &str) {
    check(write, expected, expected);
}

#[test]
fn strings_and_numbers_are_the_same_in_both_versions() {
    check_same(|writer| writer.ok(), "+OK");
    check_same(|writer| writer.simple("PONG"), "+PONG");
    check_same(|writer| writer.error("ERR no"), "-ERR no");
    check_same(|writer| writer.error_fmt(format_args!("ERR {} of {}", 1, 2)), "-ERR 1 of 2");
    check_same(|writer| writer.raw(b":7\r\n"), ":7");
    for (value, expected) in [
        (0, ":0"),
        (1, ":1"),
        (-1, ":-1"),
        (42, ":42"),
        (i64::MAX, ":9223372036854775807"),
        (i64::MIN, ":-9223372036854775808"),
    ] {
        check_same(|writer| writer.integer(value), expected);
    }
    check_same(|writer| writer.bulk(b""), "$0 ");
    check_same(|writer| writer.bulk(b"a\0b"), "$3 a\0b");
    check_same(|writer| writer.bulk_integer(-15), "$3 -15");
}

#[test]
fn lengths_around_each_digit_are_right() {
    for length in [0, 1, 9, 10, 11, 99, 100, 101, 255, 256, 999, 1000, 65_536] {
        let mut out = Vec::new();
        Writer::new(&mut out, Protocol::Resp2).bulk(&vec![b'x'; length]);
        assert_eq!(out, format!("${length}\r\n{}\r\n", "x".repeat(length)).into_bytes());
    }
}

#[test]
fn typed_values_fall_back_in_resp2() {
    check(|writer| writer.null(), "$-1", "_");
    check(|writer| writer.null_array(), "*-1", "_");
    check(|writer| writer.boolean(true), ":1", "#t");
    check(|writer| writer.boolean(false), ":0", "#f");
    check(|writer| writer.double(3.1), "$3 3.1", ",3.1");
    check(|writer| writer.double(f64::INFINITY), "$3 inf", ",inf");
    check(|writer| writer.double(f64::NEG_INFINITY), "$4 -inf", ",-inf");
    check(
        |writer| writer.big_number("12345678901234567890"),
        "$20 12345678901234567890",
        "(12345678901234567890",
    );
    check(|writer| writer.verbatim(*b"txt", b"some text"), "$9 some text", "=13 txt:some text");
}

#[test]
fn aggregates_fall_back_in_resp2() {
    check_same(|writer| writer.array(3), "*3");
    check(|writer| writer.set(0), "*0", "~0");
    check(|writer| writer.push(12), "*12", ">12");
    check(|writer| writer.map(7), "*14", "%7");
    let with_attribute = |writer: &mut Writer<'_>| {
        writer.attribute(1, |writer| {
            writer.simple("ttl");
            writer.integer(5);
        });
        writer.ok();
    };
    check(with_attribute, "+OK", "|1 +ttl :5 +OK");
}

#[test]
fn lines_cannot_be_broken() {
    check_same(|writer| writer.error("ERR a\r\nb\nc\rd"), "-ERR a  b c d");
    check_same(|writer| writer.error("ERR end\r\n\r\n"), "-ERR end");
    check_same(|writer| writer.error("\r\n"), "-");
    check_same(|writer| writer.simple("x\r\n+OK"), "+x  +OK");
    check_same(|writer| writer.error_fmt(format_args!("ERR '{}'", "a\nb")), "-ERR 'a b'");
    check(|writer| writer.big_number("1\r\n2"), "$4 1 2", "(1  2");
}

#[test]
fn deferred_headers_land_before_their_elements() {
    let nested = |writer: &mut Writer<'_>| {
        writer.integer(9);
        let outer = writer.defer(Aggregate::Map);
        writer.bulk(b"key");
        let inner = writer.defer(Aggregate::Array);
        for value in 2..14 {
            writer.integer(value);
        }
        writer.finish(inner, 12);
        writer.finish(outer, 1);
        let empty = writer.defer(Aggregate::Set);
        writer.finish(empty, 0);
        writer.ok();
    };
    let elements = ":2 :3 :4 :5 :6 :7 :8 :9 :10 :11 :12 :13";
    check(
        nested,
        &format!(":9 *2 $3 key *12 {elements} *0 +OK"),
        &format!(":9 %1 $3 key *12 {elements} ~0 +OK"),
    );
}

#[test]
fn the_version_can_change_between_replies() {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, Protocol::default());
    writer.null();
    writer.set_protocol(Protocol::Resp3);
    writer.null();
    assert_eq!(writer.protocol(), Protocol::Resp3);
    assert_eq!(out, b"$-1\r\n_\r\n");
}
