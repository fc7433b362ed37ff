//! Requests in whole, in parts, and what is refused.

use super::*;

const LIMITS: Limits = Limits { head_size_max: 1000, body_size_max: 100 };

/// Parses a stream that arrives in pieces of a size.
fn parse_all(stream: &[u8], piece: usize) -> Result<Vec<Request>, ParseError> {
    let mut parser = Parser::new(LIMITS);
    let (mut input, mut found) = (Vec::new(), Vec::new());
    for part in stream.chunks(piece) {
        input.extend_from_slice(part);
        loop {
            match parser.parse(&input)? {
                Parsed::Complete { request, consumed } => {
                    input.drain(..consumed);
                    found.push(*request);
                }
                Parsed::Incomplete { consumed, .. } => {
                    input.drain(..consumed);
                    break;
                }
            }
        }
    }
    Ok(found)
}

#[track_caller]
fn check_error(text: &str, expected: ParseError) {
    for piece in [1, 7, text.len()] {
        assert_eq!(parse_all(text.as_bytes(), piece), Err(expected), "in pieces of {piece}");
    }
}

const TWO: &str = "PUT /a%20b?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello\
                   POST /c HTTP/1.1\r\nhost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3;name=\"v\"\r\nabc\r\n0a\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n\
                   GET / HTTP/1.0\r\n\r\n";

#[test]
fn the_same_requests_come_out_however_the_stream_is_cut() {
    let whole = parse_all(TWO.as_bytes(), TWO.len()).unwrap();
    assert_eq!(whole.len(), 3);
    assert_eq!((whole[0].method, &whole[0].body[..]), (Method::Put, &b"hello"[..]));
    assert_eq!(whole[0].path, [b"a b".to_vec()]);
    assert_eq!((whole[1].method, &whole[1].body[..]), (Method::Post, &b"abc0123456789"[..]));
    assert!(whole[0].keeps_alive() && !whole[2].keeps_alive());
    for piece in 1..TWO.len() {
        assert_eq!(parse_all(TWO.as_bytes(), piece).as_ref(), Ok(&whole), "{piece}");
    }
}

#[test]
fn a_length_that_can_be_read_in_two_ways_is_refused() {
    let twice = ParseError::Malformed("the body's length is said more than once");
    let head = "PUT / HTTP/1.1\r\nHost: h\r\n";
    check_error(&format!("{head}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"), twice);
    check_error(
        &format!("{head}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        twice,
    );
    check_error("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", twice);
    let encoding = format!("{head}Transfer-Encoding: gzip, chunked\r\n\r\n");
    check_error(&encoding, ParseError::Encoding);
    for length in ["+1", "-1", "1 1", "0x1", "", "1,1"] {
        let text = format!("{head}Content-Length: {length}\r\n\r\nx");
        check_error(&text, ParseError::Malformed("the body's length"));
    }
}

#[test]
fn what_is_too_large_is_refused_before_it_is_kept() {
    let head = "PUT / HTTP/1.1\r\nHost: h\r\n";
    check_error(&format!("{head}Content-Length: 101\r\n\r\n"), ParseError::BodyTooLarge);
    check_error(
        &format!("{head}Content-Length: {}\r\n\r\n", "9".repeat(30)),
        ParseError::BodyTooLarge,
    );
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
    check_error(&format!("{chunked}32\r\n{}\r\n33\r\n", "x".repeat(50)), ParseError::BodyTooLarge);
    check_error(&format!("{chunked}{}\r\n", "f".repeat(40)), ParseError::BodyTooLarge);
    let long = ParseError::Malformed("a chunk's head");
    check_error(&format!("{chunked}1;{}", "x".repeat(2000)), long);
    let trailers = "T: x\r\n".repeat(TRAILERS_COUNT_MAX + 1);
    check_error(&format!("{chunked}0\r\n{trailers}"), ParseError::HeadTooLarge);
    check_error(&format!("GET /{} HTTP/1.1\r\n", "x".repeat(2000)), ParseError::HeadTooLarge);
    let many: String = (0..65).map(|index| format!("h{index}: 1\r\n")).collect();
    check_error(&format!("GET / HTTP/1.1\r\n{many}\r\n"), ParseError::HeadTooLarge);
}

#[test]
fn what_is_no_request_is_refused() {
    check_error("GET / HTTP/2.0\r\n\r\n", ParseError::Version);
    check_error(
        "GET / HTTP/1.1\r\n\r\n",
        ParseError::Malformed("exactly one Host header is needed"),
    );
    check_error("GET * HTTP/1.1\r\nHost: h\r\n\r\n", ParseError::Malformed("the target"));
    check_error("GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", ParseError::Malformed("a header"));
    check_error("*1\r\n$4\r\nPING\r\n", ParseError::Malformed("the request line"));
    let chunked = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    check_error(&format!("{chunked}-1\r\n"), ParseError::Malformed("a chunk's size"));
    check_error(&format!("{chunked}1\r\nabc"), ParseError::Malformed("a chunk's end"));
}

#[test]
fn a_client_that_waits_is_told_to_go_on_once() {
    let head = "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    let mut parser = Parser::new(LIMITS);
    let consumed = head.len();
    assert_eq!(
        parser.parse(head.as_bytes()),
        Ok(Parsed::Incomplete { consumed, is_waiting: true })
    );
    assert!(parser.is_inside());
    assert_eq!(parser.parse(b""), Ok(Parsed::Incomplete { consumed: 0, is_waiting: false }));
    let Ok(Parsed::Complete { request, consumed: 1 }) = parser.parse(b"x") else { panic!("whole") };
    assert_eq!(request.body, b"x");
}

#[test]
fn any_bytes_give_requests_or_an_error() {
    for seed in 0..2000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut stream = TWO.as_bytes().to_vec();
        for _ in 0..rng.usize(1..6) {
            let at = rng.usize(..stream.len());
            match rng.u8(..3) {
                0 => stream[at] = rng.u8(..),
                1 => drop(stream.remove(at)),
                _ => stream.insert(at, *rng.choice(b"\r\n:;0aF %?".iter()).unwrap()),
            }
        }
        let whole = parse_all(&stream, stream.len());
        let cut = parse_all(&stream, rng.usize(1..40));
        // Which error comes first may depend on how much has arrived, but not whether there is one.
        assert_eq!(whole.as_ref().ok(), cut.as_ref().ok(), "seed {seed}");
    }
}
