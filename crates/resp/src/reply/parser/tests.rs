//! What an unfinished reply may hold in memory; the rest is tested through the public interface.

use super::*;

/// Bytes of memory that the open aggregates have set aside for elements.
fn reserved_size(parser: &ReplyParser) -> usize {
    parser.open.iter().map(|open| open.elements.capacity() * size_of::<Reply>()).sum()
}

#[test]
fn headers_alone_reserve_little() {
    let limits = ReplyLimits::default();
    let mut parser = ReplyParser::new(limits);
    let headers = "*200000\r\n".repeat(limits.depth_max);
    let parsed = parser.parse(headers.as_bytes()).unwrap();
    assert_eq!(parsed, ParsedReply::Incomplete { consumed: headers.len(), needed: 1 });
    assert_eq!(parser.open.len(), limits.depth_max);
    let bound = limits.depth_max * ELEMENTS_RESERVED_COUNT_MAX * size_of::<Reply>();
    assert!(reserved_size(&parser) <= bound);
}

#[test]
fn a_string_is_not_reserved_before_it_is_there() {
    let mut parser = ReplyParser::new(ReplyLimits::default());
    let parsed = parser.parse(b"*2\r\n$536870912\r\nabc").unwrap();
    assert_eq!(parsed, ParsedReply::Incomplete { consumed: 4, needed: 536_870_911 });
    assert!(reserved_size(&parser) <= ELEMENTS_RESERVED_COUNT_MAX * size_of::<Reply>());
}

#[test]
fn a_finished_reply_leaves_nothing_behind() {
    let mut parser = ReplyParser::new(ReplyLimits { elements_count_max: 3, ..Default::default() });
    for _ in 0..10 {
        let parsed = parser.parse(b"*2\r\n:1\r\n*1\r\n:2\r\n").unwrap();
        assert!(matches!(parsed, ParsedReply::Complete { consumed: 16, .. }));
        assert_eq!((parser.open.len(), parser.elements_count, parser.reply_size), (0, 0, 0));
    }
}
