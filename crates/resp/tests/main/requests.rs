//! Requests by table. The texts were recorded from redis-server 7.0.15, sent the same bytes.
//!
//! Beside the table, 20,000 random inputs built from such pieces were sent to it and to the parser
//! once: the numbers of commands and the final errors were the same for each.

use resp::{Limits, Parsed, Parser, Protocol, Trust, Writer, encode_command};

use crate::connection::{Commands, ServerSide, Understood, understand};

/// Commands as the tables write them: each a list of arguments.
type Written = &'static [&'static [&'static [u8]]];

/// Inputs, and the commands they hold.
pub(crate) const VALID: &[(&[u8], Written)] = &[
    (b"", &[]),
    (b"*1\r\n$4\r\nPING\r\n", &[&[b"PING"]]),
    (b"*2\r\n$4\r\nPING\r\n$0\r\n\r\n", &[&[b"PING", b""]]),
    (b"*2\r\n$3\r\nGET\r\n$4\r\n\r\n*1\r\n", &[&[b"GET", b"\r\n*1"]]),
    (b"*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n", &[&[b"PING"], &[b"ECHO", b"hi"]]),
    (b"*1\r\n$12\r\nHello, world\r\n", &[&[b"Hello, world"]]),
    // No arguments, no command, no answer.
    (b"*0\r\n*1\r\n$4\r\nPING\r\n", &[&[b"PING"]]),
    (b"*-1\r\n*1\r\n$4\r\nPING\r\n", &[&[b"PING"]]),
    (b"*-10\r\nPING\r\n", &[&[b"PING"]]),
    (b"*-9223372036854775808\r\nPING\r\n", &[&[b"PING"]]),
    (b"\r\n\r\n  \r\n\nPING\r\n", &[&[b"PING"]]),
    (b"\r\n\r\n\n*0\r\n", &[]),
    // Line ends are skipped unread.
    (b"*1\rX$4\rYPINGab*1\r\n$4\r\nPING\r\n", &[&[b"PING"], &[b"PING"]]),
    // Inline.
    (b"PING\n", &[&[b"PING"]]),
    (b"PING \"a b\"\r\n", &[&[b"PING", b"a b"]]),
    (b"PING \"a\\x41\\n\\t\\b\\a\\r\\\"\\\\\\q\"\r\n", &[&[b"PING", b"aA\n\t\x08\x07\r\"\\q"]]),
    (b"PING \"\\xfF\\x00\"\r\n", &[&[b"PING", b"\xff\x00"]]),
    (b"PING 'a\\'b\\n'\r\n", &[&[b"PING", b"a'b\\n"]]),
    (b"PING a\"b c\"\r\n", &[&[b"PING", b"ab c"]]),
    (b"PING a'b c'\r\n", &[&[b"PING", b"ab c"]]),
    (b"PING \"\\x4\"\r\n", &[&[b"PING", b"x4"]]),
    (b"PING \"\\xzz\"\r\n", &[&[b"PING", b"xzz"]]),
    (b"PING \"\" ''\r\n", &[&[b"PING", b"", b""]]),
    (b"PING \"a\"\tb\r\n", &[&[b"PING", b"a", b"b"]]),
    (b"PING a\x0bb\r\n", &[&[b"PING", b"a\x0bb"]]),
    (b"PING \x0b\x0ca\r\n", &[&[b"PING", b"a"]]),
    (b"PING \"a\"\x0b\r\n", &[&[b"PING", b"a"]]),
    (b"PING a\rb\r\n", &[&[b"PING", b"a", b"b"]]),
    (b"PING a\r\r\n", &[&[b"PING", b"a"]]),
    (b"PING \"a\r\"\n", &[&[b"PING", b"a\r"]]),
    (b"PING a\\n\r\n", &[&[b"PING", b"a\\n"]]),
    (b"PING \xff\xfe\r\n", &[&[b"PING", b"\xff\xfe"]]),
    (b"  set  k   v  \r\n", &[&[b"set", b"k", b"v"]]),
    (b"$4\r\nPING\r\n", &[&[b"$4"], &[b"PING"]]),
    (b" *1\r\n$4\r\n", &[&[b"*1"], &[b"$4"]]),
    (b"a\r\n*1\r\n$1\r\nb\r\nc\n", &[&[b"a"], &[b"b"], &[b"c"]]),
    // Ours: a NUL is an ordinary byte.
    (b"PING a\0b\r\n", &[&[b"PING", b"a\0b"]]),
];

/// Inputs that are the start of a command and nothing wrong yet.
pub(crate) const UNFINISHED: &[&[u8]] = &[
    b"*",
    b"*1",
    b"*1\r",
    b"*1\r\n",
    b"*1\r\n$",
    b"*1\r\n$4",
    b"*1\r\n$4\r",
    b"*1\r\n$4\r\n",
    b"*1\r\n$4\r\nPI",
    b"*1\r\n$4\r\nPING",
    b"*1\r\n$4\r\nPING\r",
    b"*1\r\nx",
    b"*1\r\n\r",
    b"*x",
    b"PING",
    b"PING\r",
    b"PING \"",
    b"*1\n$4\nPING\n",
    b"*1\r\n\n\r",
    b"*1048576\r\n",
    b"*1\r\n$536870912\r\n",
];

/// Inputs, and what Redis says before it closes the connection.
pub(crate) const BROKEN: &[(&[u8], &[u8])] = &[
    (b"*\r\n", b"invalid multibulk length"),
    (b"*x\r\n", b"invalid multibulk length"),
    (b"*01\r\n", b"invalid multibulk length"),
    (b"*+1\r\n", b"invalid multibulk length"),
    (b"*-0\r\n", b"invalid multibulk length"),
    (b"*1 \r\n", b"invalid multibulk length"),
    (b"*2147483648\r\n", b"invalid multibulk length"),
    (b"*99999999999999999999\r\n", b"invalid multibulk length"),
    (b"*-9223372036854775809\r\n", b"invalid multibulk length"),
    (b"*1\r\n$\r\n", b"invalid bulk length"),
    (b"*1\r\n$-1\r\n", b"invalid bulk length"),
    (b"*1\r\n$x\r\n", b"invalid bulk length"),
    (b"*1\r\n$04\r\nPING\r\n", b"invalid bulk length"),
    (b"*1\r\n$536870913\r\n", b"invalid bulk length"),
    (b"*1\r\n$1099511627776\r\n", b"invalid bulk length"),
    (b"*1\r\n$9223372036854775807\r\n", b"invalid bulk length"),
    (b"*1\r\n:4\r\nPING\r\n", b"expected '$', got ':'"),
    (b"*1\r\nPING\r\n", b"expected '$', got 'P'"),
    (b"*1\r\n'\r\n", b"expected '$', got '''"),
    (b"*1\r\n\r\n\r\n", b"expected '$', got ' '"),
    (b"*1\r\n\xff\r\n", b"expected '$', got '\xff'"),
    (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", b"expected '$', got 'f'"),
    (b"PING \"abc\r\n", b"unbalanced quotes in request"),
    (b"PING 'abc\r\n", b"unbalanced quotes in request"),
    (b"PING \"a\"b\r\n", b"unbalanced quotes in request"),
    (b"PING 'a'b\r\n", b"unbalanced quotes in request"),
    (b"PING \"a\"'b'\r\n", b"unbalanced quotes in request"),
    (b"PING it's\r\n", b"unbalanced quotes in request"),
    (b"PING \"\\\"\r\n", b"unbalanced quotes in request"),
    (b"PING \"\\\r\n", b"unbalanced quotes in request"),
    // Ours: Redis 7.0 allows more arguments than 1024 * 1024, older and newer ones do not.
    (b"*1048577\r\n", b"invalid multibulk length"),
];

fn check(limits: Limits, trust: Trust, input: &[u8], expected: &str) {
    let understood = understand(limits, trust, [input]);
    assert_eq!(told(&understood), format!("-ERR Protocol error: {expected}\r\n").into_bytes());
}

/// What the client is told about how its bytes end.
fn told(understood: &Understood) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, Protocol::Resp2);
    match understood.end {
        Ok(_) => writer.ok(),
        Err(error) => writer.protocol_error(error),
    }
    out
}

fn owned(commands: Written) -> Commands {
    commands.iter().map(|args| args.iter().map(|arg| arg.to_vec()).collect()).collect()
}

#[test]
fn valid_input_gives_its_commands() {
    for (input, commands) in VALID {
        let understood = understand(Limits::default(), Trust::Authenticated, [*input]);
        let shown = input.escape_ascii();
        assert_eq!(understood, Understood { commands: owned(commands), end: Ok(0) }, "{shown}");
    }
}

#[test]
fn unfinished_input_waits() {
    for input in UNFINISHED {
        let understood = understand(Limits::default(), Trust::Authenticated, [*input]);
        let expected = Understood { commands: Vec::new(), end: Ok(input.len()) };
        assert_eq!(understood, expected, "{}", input.escape_ascii());
    }
}

#[test]
fn broken_input_is_told_in_the_words_of_redis() {
    for (input, expected) in BROKEN {
        let understood = understand(Limits::default(), Trust::Authenticated, [*input]);
        let expected = [b"-ERR Protocol error: ", *expected, b"\r\n"].concat();
        assert_eq!(
            told(&understood).escape_ascii().to_string(),
            expected.escape_ascii().to_string(),
            "{}",
            input.escape_ascii()
        );
    }
}

#[test]
fn commands_before_an_error_stand() {
    let input = b"PING\r\n*1\r\n$4\r\nPING\r\n*x\r\nPING\r\n";
    let mut server = ServerSide::new(Limits::default(), Trust::Authenticated);
    server.receive(input);
    server.receive(b"PING\r\n");
    let understood = server.understood();
    assert_eq!(understood.commands, owned(&[&[b"PING"], &[b"PING"]]));
    assert!(understood.end.is_err(), "a broken connection stays broken");
}

#[test]
fn lines_without_end_stop_at_64_kib() {
    for (start, expected) in [
        ("*", "too big mbulk count string"),
        ("*1\r\n$", "too big bulk count string"),
        ("a", "too big inline request"),
    ] {
        let header = start.len() - start.rfind(['*', '$', 'a']).unwrap();
        let longest = start.to_owned() + &"1".repeat(65_536 - header);
        let understood = understand(Limits::default(), Trust::Authenticated, [longest.as_bytes()]);
        assert!(understood.end.is_ok(), "{start}");
        check(Limits::default(), Trust::Authenticated, (longest + "1").as_bytes(), expected);
    }
    let line = "a".repeat(65_536) + "\n";
    let understood = understand(Limits::default(), Trust::Authenticated, [line.as_bytes()]);
    assert_eq!(understood.commands.len(), 1);
}

#[test]
fn strangers_have_small_bounds() {
    let limits = Limits::default();
    for (input, expected) in [
        ("*11\r\n", "unauthenticated multibulk length"),
        ("*1000000\r\n", "unauthenticated multibulk length"),
        ("*2147483648\r\n", "invalid multibulk length"),
        ("*1\r\n$16385\r\n", "unauthenticated bulk length"),
        ("*1\r\n$100000000\r\n", "unauthenticated bulk length"),
        ("*1\r\n$536870913\r\n", "invalid bulk length"),
    ] {
        check(limits, Trust::Unauthenticated, input.as_bytes(), expected);
    }
    for input in ["*10\r\n", "*1\r\n$16384\r\n"] {
        let understood = understand(limits, Trust::Unauthenticated, [input.as_bytes()]);
        assert_eq!(understood.end, Ok(input.len()));
    }
}

#[test]
fn a_password_lifts_the_bounds_within_a_pipeline() {
    let mut parser = Parser::new(Limits::default());
    parser.set_trust(Trust::Unauthenticated);
    let buffer = [b"AUTH secret\r\n*1\r\n$20000\r\n".to_vec(), vec![b'x'; 20_002]].concat();
    let Ok(Parsed::Command { command, consumed }) = parser.parse(&buffer) else { panic!() };
    assert_eq!((command.name(), command.count()), (b"AUTH".as_slice(), 2));
    parser.set_trust(Trust::Authenticated);
    let rest = &buffer[consumed..];
    let Ok(Parsed::Command { command, consumed }) = parser.parse(rest) else { panic!() };
    assert_eq!((command.name().len(), consumed), (20_000, rest.len()));
}

#[test]
fn settings_change_the_bounds() {
    let limits = Limits { bulk_size_max: 5, args_count_max: 2, ..Limits::default() };
    check(limits, Trust::Authenticated, b"*3\r\n", "invalid multibulk length");
    check(limits, Trust::Authenticated, b"*1\r\n$6\r\n", "invalid bulk length");
    let limits = Limits { command_size_max: 100, ..Limits::default() };
    let half = [b"$50\r\n".as_slice(), &[b'x'; 50], b"\r\n"].concat();
    let input = [b"*2\r\n".as_slice(), &half, &half].concat();
    check(limits, Trust::Authenticated, &input, "too big command");
}

#[test]
fn arguments_are_ranges_of_the_buffer_itself() {
    let buffer = b"\r\n*0\r\n*2\r\n$3\r\nGET\r\n$3\r\nkey\r\nrest";
    let mut parser = Parser::new(Limits::default());
    let Ok(Parsed::Command { command, consumed }) = parser.parse(buffer) else { panic!() };
    assert_eq!(&buffer[consumed..], b"rest");
    let key = command.get(1).unwrap();
    assert_eq!(key, b"key");
    assert!(buffer.as_ptr_range().contains(&key.as_ptr()), "the key was copied");
    let range = command.ranges()[1];
    assert_eq!(&command.bytes()[range.start..range.end], b"key");
    assert_eq!(command.get(2), None);
    assert_eq!(command.bytes(), b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
}

#[test]
fn the_hint_says_how_much_is_missing() {
    for (input, expected) in [
        (b"".as_slice(), 1),
        (b"*1\r\n$4\r\n", 6),
        (b"*1\r\n$4\r\nPI", 4),
        (b"*1\r\n$4\r\nPING\r", 1),
        (b"*1\r\n$536870912\r\nabc", 536_870_911),
        (b"*1048576\r\n", 1),
    ] {
        let mut parser = Parser::new(Limits::default());
        let Ok(Parsed::Incomplete { consumed: 0, needed }) = parser.parse(input) else { panic!() };
        assert_eq!(needed, expected, "{}", input.escape_ascii());
    }
}

#[test]
fn steady_traffic_needs_no_more_memory() {
    let mut pipeline = Vec::new();
    for _ in 0..16 {
        encode_command(&mut pipeline, ["SET", "key", "value"]);
        pipeline.extend_from_slice(b"set \"a key\" value\r\n");
    }
    let mut server = ServerSide::new(Limits::default(), Trust::Authenticated);
    server.receive(&pipeline);
    let memory_size = server.parser.memory_size();
    for _ in 0..1000 {
        server.receive(&pipeline);
        assert_eq!(server.parser.memory_size(), memory_size);
    }
}

#[test]
fn a_large_command_gives_its_memory_back() {
    let mut input = Vec::new();
    encode_command(&mut input, vec!["x"; 100_000]);
    let mut server = ServerSide::new(Limits::default(), Trust::Authenticated);
    server.receive(&input);
    assert!(server.parser.memory_size() <= 1024 * 16);
    server.receive(format!("{}\r\n", "y ".repeat(30_000)).as_bytes());
    assert!(server.parser.memory_size() <= 1024 * 17);
    assert_eq!(server.understood().commands[1].len(), 30_000);
}

#[test]
fn encoded_commands_are_understood() {
    let mut rng = fastrand::Rng::with_seed(3);
    let (mut input, mut commands) = (Vec::new(), Commands::new());
    for _ in 0..500 {
        let args: Vec<Vec<u8>> = (0..rng.usize(1..20))
            .map(|_| (0..rng.usize(0..200)).map(|_| rng.u8(..)).collect())
            .collect();
        encode_command(&mut input, &args);
        commands.push(args);
    }
    let understood = understand(Limits::default(), Trust::Authenticated, [input.as_slice()]);
    assert_eq!(understood, Understood { commands, end: Ok(0) });
}
