//! The law of splits: however bytes are cut into pieces, they mean what they mean in one piece.

use resp::{
    Limits, Parsed, ParsedReply, Parser, Reply, ReplyLimits, ReplyParser, Trust, encode_command,
};

use crate::connection::{Read, Understood, read, understand};
use crate::replies;
use crate::requests::{BROKEN, UNFINISHED, VALID};

/// Bounds so small that short inputs reach them.
const TIGHT: Limits = Limits {
    args_count_max: 3,
    bulk_size_max: 40,
    line_size_max: 32,
    command_size_max: 60,
    untrusted_args_count_max: 2,
    untrusted_bulk_size_max: 4,
};

const TIGHT_REPLIES: ReplyLimits = ReplyLimits {
    depth_max: 3,
    elements_count_max: 6,
    bulk_size_max: 20,
    line_size_max: 16,
    reply_size_max: 60,
};

/// Cuts the input in one place, in two, and everywhere.
fn cuts(input: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut all = vec![input.chunks(1).collect(), input.chunks(2).collect()];
    for first in 0..=input.len() {
        let (head, rest) = input.split_at(first);
        all.push(vec![head, rest]);
        let (middle, tail) = rest.split_at(rest.len() / 2);
        all.push(vec![head, middle, tail]);
    }
    all
}

fn check_requests(limits: Limits, trust: Trust, input: &[u8]) {
    let whole = understand(limits, trust, [input]);
    for pieces in cuts(input) {
        let cut: Understood = understand(limits, trust, pieces.iter().copied());
        assert_eq!(cut, whole, "{} as {pieces:?}", input.escape_ascii());
    }
}

fn check_replies(limits: ReplyLimits, input: &[u8]) {
    let (_, whole) = read(limits, [input]);
    for pieces in cuts(input) {
        let (_, cut): (_, Read) = read(limits, pieces.iter().copied());
        assert_eq!(cut, whole, "{} as {pieces:?}", input.escape_ascii());
    }
}

fn request_inputs() -> Vec<&'static [u8]> {
    let valid = VALID.iter().map(|(input, _)| *input);
    let broken = BROKEN.iter().map(|(input, _)| *input);
    valid.chain(UNFINISHED.iter().copied()).chain(broken).collect()
}

#[test]
fn requests_mean_the_same_in_pieces() {
    for input in request_inputs() {
        check_requests(Limits::default(), Trust::Authenticated, input);
        check_requests(Limits::default(), Trust::Unauthenticated, input);
        check_requests(TIGHT, Trust::Authenticated, input);
        check_requests(TIGHT, Trust::Unauthenticated, input);
    }
}

#[test]
fn pipelines_mean_the_same_in_pieces() {
    let mut rng = fastrand::Rng::with_seed(4);
    let inputs = request_inputs();
    for _ in 0..60 {
        let picked: Vec<&[u8]> = (0..4).map(|_| inputs[rng.usize(..inputs.len())]).collect();
        check_requests(Limits::default(), Trust::Authenticated, &picked.concat());
        check_requests(TIGHT, Trust::Unauthenticated, &picked.concat());
    }
}

#[test]
fn lines_at_their_bound_mean_the_same_in_pieces() {
    for length in 28..40 {
        for start in ["*", "*-", "*1\r\n$", "*1\r\n$2\r\nxx", "a", "a '"] {
            for end in ["", "\r", "\n", "\r\n", "\r\n$1\r\na\r\n"] {
                let input = format!("{start}{}{end}", "1".repeat(length - start.len()));
                check_requests(TIGHT, Trust::Authenticated, input.as_bytes());
            }
        }
    }
}

#[test]
fn replies_mean_the_same_in_pieces() {
    let valid = replies::VALID.iter().map(|(input, _)| *input);
    let broken = replies::BROKEN.iter().map(|(input, _)| *input);
    for input in valid.chain(broken).chain(replies::UNFINISHED.iter().copied()) {
        check_replies(ReplyLimits::default(), input.as_bytes());
        check_replies(TIGHT_REPLIES, input.as_bytes());
        let doubled = input.repeat(2);
        check_replies(TIGHT_REPLIES, doubled.as_bytes());
    }
}

/// Cost is linear because nothing is looked at twice: what was understood may turn into anything.
#[test]
fn what_was_understood_is_not_looked_at_again() {
    for (first, then, consumed, args) in [
        // The end of a line is not searched for where it was not found before.
        ("aaaa", "?\n?\nb\n", 6, vec!["?", "?", "b"]),
        ("*2\r\n$3\r\nGE", "????????GET\r\n$1\r\nk\r\n", 20, vec!["GET", "k"]),
        ("*2\r\n$3\r\nGET\r\n$1", "????????GET??$1\r\nk\r\n", 20, vec!["GET", "k"]),
        ("*2\r\n$3\r\nGET\r\n$1\r\nk", "?????????ET??????k\r\n", 20, vec!["?ET", "k"]),
    ] {
        let mut parser = Parser::new(Limits::default());
        let parsed = parser.parse(first.as_bytes());
        assert!(matches!(parsed, Ok(Parsed::Incomplete { consumed: 0, .. })), "{first:?}");
        let parsed = parser.parse(then.as_bytes());
        let Ok(Parsed::Command { command, consumed: found }) = parsed else { panic!("{then:?}") };
        let expected: Vec<&[u8]> = args.into_iter().map(str::as_bytes).collect();
        assert_eq!((command.iter().collect(), found), (expected, consumed), "{then:?}");
    }
    let mut parser = ReplyParser::new(ReplyLimits::default());
    assert_eq!(parser.parse(b"+aaa"), Ok(ParsedReply::Incomplete { consumed: 0, needed: 1 }));
    let reply = Reply::Simple(b"\r\na".to_vec());
    assert_eq!(parser.parse(b"+\r\na\r\n"), Ok(ParsedReply::Complete { reply, consumed: 6 }));
}

#[test]
fn a_large_value_in_small_pieces_is_one_command() {
    let value = vec![b'\n'; 100 << 20];
    let mut input = Vec::with_capacity(value.len() + 64);
    encode_command(&mut input, [b"SET".as_slice(), b"key", &value]);
    let mut parser = Parser::new(Limits::default());
    let mut calls_count = 0;
    for end in (0..input.len()).step_by(16 << 10).skip(1) {
        let parsed = parser.parse(&input[..end]).unwrap();
        let Parsed::Incomplete { consumed: 0, needed } = parsed else { panic!("{end}") };
        assert_eq!(needed, input.len() - end);
        calls_count += 1;
    }
    assert_eq!(calls_count, 6_400);
    let Ok(Parsed::Command { command, consumed }) = parser.parse(&input) else { panic!() };
    assert_eq!(command.get(2).map(<[u8]>::len), Some(value.len()));
    assert_eq!(consumed, input.len());
}

#[test]
fn many_small_arguments_in_small_pieces_are_one_command() {
    let mut input = Vec::new();
    encode_command(&mut input, vec!["ab"; 200_000]);
    let mut parser = Parser::new(Limits::default());
    for end in (0..input.len()).step_by(7) {
        let parsed = parser.parse(&input[..end]).unwrap();
        assert!(matches!(parsed, Parsed::Incomplete { consumed: 0, .. }), "{end}");
    }
    let Ok(Parsed::Command { command, .. }) = parser.parse(&input) else { panic!() };
    assert_eq!(command.count(), 200_000);
    assert!(command.iter().all(|arg| arg == b"ab"));
}

#[test]
fn a_reply_of_many_elements_leaves_the_buffer_as_it_arrives() {
    let input = format!("*200000\r\n{}", ":12\r\n".repeat(200_000)).into_bytes();
    let (replies, read) = read(ReplyLimits::default(), input.chunks(7));
    assert_eq!(read.end, Ok(()));
    let elements = replies[0].as_elements().unwrap();
    assert_eq!(elements.len(), 200_000);
    assert!(elements.iter().all(|element| element.as_integer() == Some(12)));
}
