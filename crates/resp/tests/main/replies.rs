//! Replies by table, and round trips from the writer to the client.

use resp::{Aggregate, ParsedReply, Protocol, Reply, ReplyError, ReplyLimits, ReplyParser, Writer};

use crate::connection::read;

/// Inputs, and the values they hold as Rust shows them (`text` for bytes that are text).
pub(crate) const VALID: &[(&str, &str)] = &[
    ("+OK\r\n", "Simple(OK)"),
    ("+\r\n", "Simple()"),
    ("-ERR no\r\n", "Error(ERR no)"),
    ("!7\r\nERR\r\nno\r\n", "Error(ERR\r\nno)"),
    (":0\r\n", "0"),
    (":+7\r\n", "7"),
    (":-9223372036854775808\r\n", "-9223372036854775808"),
    ("$0\r\n\r\n", "Bulk()"),
    ("$5\r\na\r\nbc\r\n", "Bulk(a\r\nbc)"),
    ("$-1\r\n", "Null"),
    ("*-1\r\n", "NullArray"),
    ("_\r\n", "Null"),
    (",3.1\r\n", "Double(3.1)"),
    (",10\r\n", "Double(10.0)"),
    (",1e+20\r\n", "Double(1e20)"),
    (",inf\r\n", "Double(inf)"),
    (",-inf\r\n", "Double(-inf)"),
    (",nan\r\n", "Double(NaN)"),
    (",-nan\r\n", "Double(NaN)"),
    ("#t\r\n", "true"),
    ("#f\r\n", "false"),
    ("(-12345678901234567890\r\n", "Big(-12345678901234567890)"),
    ("=8\r\ntxt:text\r\n", "Verbatim(txt, text)"),
    ("=4\r\nmkd:\r\n", "Verbatim(mkd, )"),
    ("*0\r\n", "[]"),
    ("*3\r\n:1\r\n*2\r\n$1\r\na\r\n_\r\n+x\r\n", "[1 [Bulk(a) Null] Simple(x)]"),
    ("*2\r\n*0\r\n*-1\r\n", "[[] NullArray]"),
    ("%0\r\n", "{}"),
    ("%2\r\n+a\r\n:1\r\n+b\r\n%1\r\n:2\r\n#t\r\n", "{Simple(a)=1 Simple(b)={2=true}}"),
    ("~2\r\n:1\r\n:2\r\n", "Set[1 2]"),
    (">2\r\n+message\r\n*0\r\n", "Push[Simple(message) []]"),
    ("|1\r\n+ttl\r\n:5\r\n$1\r\nv\r\n", "|Simple(ttl)=5| Bulk(v)"),
    ("|0\r\n:1\r\n", "|| 1"),
    ("*2\r\n|1\r\n:1\r\n:2\r\n*1\r\n:3\r\n:4\r\n", "[|1=2| [3] 4]"),
    ("|1\r\n*0\r\n:1\r\n|0\r\n:2\r\n", "|[]=1| || 2"),
];

/// Inputs that are the start of a reply and nothing wrong yet.
pub(crate) const UNFINISHED: &[&str] = &[
    "",
    "+",
    "+OK",
    "+OK\r",
    "$",
    "$5\r\n",
    "$5\r\nhell",
    "$5\r\nhello\r",
    "*2\r\n:1\r\n",
    "%1\r\n:1\r\n",
    "|1\r\n:1\r\n:2\r\n",
    "=8\r\ntxt:",
    "*1\r\n*1\r\n",
];

/// Inputs that no server sends, and why they are refused.
pub(crate) const BROKEN: &[(&str, ReplyError)] = &[
    ("x", ReplyError::Kind(b'x')),
    ("\r\n", ReplyError::Kind(b'\r')),
    ("*1\r\n?", ReplyError::Kind(b'?')),
    ("+a\rb\r\n", ReplyError::LineEnd),
    ("$1\r\nabc", ReplyError::LineEnd),
    ("$1\r\nab\n", ReplyError::LineEnd),
    (":\r\n", ReplyError::Value(b':')),
    (":1x\r\n", ReplyError::Value(b':')),
    (":9223372036854775808\r\n", ReplyError::Value(b':')),
    ("_x\r\n", ReplyError::Value(b'_')),
    ("#x\r\n", ReplyError::Value(b'#')),
    (",x\r\n", ReplyError::Value(b',')),
    (",\r\n", ReplyError::Value(b',')),
    ("(\r\n", ReplyError::Value(b'(')),
    ("(1.5\r\n", ReplyError::Value(b'(')),
    ("=3\r\ntxt\r\n", ReplyError::Value(b'=')),
    ("=4\r\ntxt;\r\n", ReplyError::Value(b'=')),
    ("$-2\r\n", ReplyError::Value(b'$')),
    ("$?\r\n", ReplyError::Value(b'$')),
    ("*?\r\n", ReplyError::Value(b'*')),
    ("%-1\r\n", ReplyError::Value(b'%')),
    ("~-1\r\n", ReplyError::Value(b'~')),
    ("!-1\r\n", ReplyError::Value(b'!')),
    ("$536870913\r\n", ReplyError::BulkSize),
    ("*16777217\r\n", ReplyError::ElementsCount),
    ("%8388609\r\n", ReplyError::ElementsCount),
    ("*2\r\n*16777215\r\n", ReplyError::ElementsCount),
];

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("the table holds text")
}

fn join(elements: &[Reply]) -> String {
    elements.iter().map(show).collect::<Vec<_>>().join(" ")
}

fn join_pairs(pairs: &[(Reply, Reply)]) -> String {
    let shown = pairs.iter().map(|(key, value)| format!("{}={}", show(key), show(value)));
    shown.collect::<Vec<_>>().join(" ")
}

fn show(reply: &Reply) -> String {
    match reply {
        Reply::Simple(bytes) => format!("Simple({})", text(bytes)),
        Reply::Error(bytes) => format!("Error({})", text(bytes)),
        Reply::Bulk(bytes) => format!("Bulk({})", text(bytes)),
        Reply::BigNumber(bytes) => format!("Big({})", text(bytes)),
        Reply::Verbatim { format, text: body } => {
            format!("Verbatim({}, {})", text(format), text(body))
        }
        Reply::Integer(value) => value.to_string(),
        Reply::Boolean(value) => value.to_string(),
        Reply::Array(elements) => format!("[{}]", join(elements)),
        Reply::Set(elements) => format!("Set[{}]", join(elements)),
        Reply::Push(elements) => format!("Push[{}]", join(elements)),
        Reply::Map(pairs) => format!("{{{}}}", join_pairs(pairs)),
        Reply::Attributed { attributes, reply } => {
            format!("|{}| {}", join_pairs(attributes), show(reply))
        }
        Reply::Null | Reply::NullArray | Reply::Double(_) => format!("{reply:?}"),
    }
}

#[test]
fn valid_input_gives_its_value() {
    for (input, expected) in VALID {
        let parsed = ReplyParser::new(ReplyLimits::default()).parse(input.as_bytes());
        let Ok(ParsedReply::Complete { reply, consumed }) = parsed else { panic!("{input:?}") };
        assert_eq!((show(&reply).as_str(), consumed), (*expected, input.len()), "{input:?}");
    }
}

#[test]
fn unfinished_input_waits() {
    for input in UNFINISHED {
        let (replies, read) = read(ReplyLimits::default(), [input.as_bytes()]);
        assert_eq!((replies.len(), read.end), (0, Ok(())), "{input:?}");
    }
}

#[test]
fn broken_input_is_refused_for_good() {
    for (input, expected) in BROKEN {
        let mut parser = ReplyParser::new(ReplyLimits::default());
        assert_eq!(parser.parse(input.as_bytes()), Err(*expected), "{input:?}");
        assert_eq!(parser.parse(b"+OK\r\n"), Err(*expected), "{input:?}");
    }
}

#[test]
fn every_limit_is_kept() {
    let limits = ReplyLimits {
        depth_max: 2,
        elements_count_max: 3,
        bulk_size_max: 4,
        line_size_max: 8,
        reply_size_max: 30,
    };
    for (input, expected) in [
        ("*1\r\n*1\r\n:1\r\n", Ok(())),
        ("*1\r\n*1\r\n*1\r\n", Err(ReplyError::Depth)),
        ("*1\r\n*1\r\n*0\r\n", Err(ReplyError::Depth)),
        ("*3\r\n:1\r\n:2\r\n:3\r\n", Ok(())),
        ("*4\r\n", Err(ReplyError::ElementsCount)),
        ("%2\r\n", Err(ReplyError::ElementsCount)),
        ("*2\r\n*2\r\n", Err(ReplyError::ElementsCount)),
        ("$4\r\nabcd\r\n", Ok(())),
        ("$5\r\n", Err(ReplyError::BulkSize)),
        ("+1234567\r\n", Ok(())),
        ("+1234567", Ok(())),
        ("+12345678\r\n", Err(ReplyError::LineSize)),
        ("+12345678", Err(ReplyError::LineSize)),
        ("*3\r\n+123456\r\n+123456\r\n+123456\r\n", Err(ReplyError::ReplySize)),
        ("*3\r\n+123456\r\n+123456\r\n$4\r\n", Err(ReplyError::ReplySize)),
        ("*3\r\n+123456\r\n+123456\r\n:1\r\n:1\r\n", Ok(())),
    ] {
        let (_, read) = read(limits, [input.as_bytes()]);
        assert_eq!(read.end, expected, "{input:?}");
    }
}

fn write(writer: &mut Writer<'_>, reply: &Reply) {
    match reply {
        Reply::Simple(text) => writer.simple(text),
        Reply::Error(text) => writer.error(text),
        Reply::Integer(value) => writer.integer(*value),
        Reply::Bulk(bytes) => writer.bulk(bytes),
        Reply::Null => writer.null(),
        Reply::NullArray => writer.null_array(),
        Reply::Double(value) => writer.double(*value),
        Reply::Boolean(value) => writer.boolean(*value),
        Reply::BigNumber(digits) => writer.big_number(digits),
        Reply::Verbatim { format, text } => writer.verbatim(*format, text),
        Reply::Array(elements) => {
            let deferred = writer.defer(Aggregate::Array);
            elements.iter().for_each(|element| write(writer, element));
            writer.finish(deferred, elements.len());
        }
        Reply::Set(elements) => {
            writer.set(elements.len());
            elements.iter().for_each(|element| write(writer, element));
        }
        Reply::Push(elements) => {
            writer.push(elements.len());
            elements.iter().for_each(|element| write(writer, element));
        }
        Reply::Map(pairs) => {
            writer.map(pairs.len());
            pairs.iter().for_each(|pair| write_pair(writer, pair));
        }
        Reply::Attributed { attributes, reply } => {
            writer.attribute(attributes.len(), |writer| {
                attributes.iter().for_each(|pair| write_pair(writer, pair));
            });
            write(writer, reply);
        }
    }
}

fn write_pair(writer: &mut Writer<'_>, (key, value): &(Reply, Reply)) {
    write(writer, key);
    write(writer, value);
}

/// What a client that speaks RESP2 gets instead.
fn in_resp2(reply: &Reply) -> Reply {
    let all = |elements: &[Reply]| Reply::Array(elements.iter().map(in_resp2).collect());
    match reply {
        Reply::Array(elements) | Reply::Set(elements) | Reply::Push(elements) => all(elements),
        Reply::Map(pairs) => {
            let flat = pairs.iter().flat_map(|(key, value)| [in_resp2(key), in_resp2(value)]);
            Reply::Array(flat.collect())
        }
        Reply::Boolean(value) => Reply::Integer(i64::from(*value)),
        Reply::BigNumber(text) | Reply::Verbatim { text, .. } => Reply::Bulk(text.clone()),
        Reply::Attributed { reply, .. } => in_resp2(reply),
        other => other.clone(),
    }
}

fn bytes(rng: &mut fastrand::Rng) -> Vec<u8> {
    (0..rng.usize(0..30)).map(|_| rng.u8(..)).collect()
}

/// Text that fits on a line.
fn line(rng: &mut fastrand::Rng) -> Vec<u8> {
    (0..rng.usize(0..30)).map(|_| rng.u8(b' '..b'~')).collect()
}

fn elements(rng: &mut fastrand::Rng, depth: usize) -> Vec<Reply> {
    (0..rng.usize(0..5)).map(|_| random(rng, depth - 1)).collect()
}

fn random_pairs(rng: &mut fastrand::Rng, depth: usize) -> Vec<(Reply, Reply)> {
    (0..rng.usize(0..4)).map(|_| (random(rng, depth - 1), random(rng, depth - 1))).collect()
}

fn random(rng: &mut fastrand::Rng, depth: usize) -> Reply {
    match rng.u8(0..if depth > 0 { 13 } else { 8 }) {
        0 => Reply::Simple(line(rng)),
        1 => Reply::Error(line(rng)),
        2 => Reply::Integer(rng.i64(..) >> rng.u32(0..64)),
        3 => Reply::Bulk(bytes(rng)),
        4 => Reply::Null,
        5 => Reply::Boolean(rng.bool()),
        6 => Reply::BigNumber(rng.u128(..).to_string().into_bytes()),
        7 => Reply::Verbatim { format: *b"txt", text: bytes(rng) },
        8 => Reply::Array(elements(rng, depth)),
        9 => Reply::Set(elements(rng, depth)),
        10 => Reply::Push(elements(rng, depth)),
        11 => Reply::Map(random_pairs(rng, depth)),
        _ => Reply::Attributed {
            attributes: random_pairs(rng, depth),
            reply: Box::new(random(rng, depth - 1)),
        },
    }
}

#[test]
fn what_is_written_is_read() {
    for seed in 0..3000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let sent: Vec<Reply> = (0..4).map(|_| random(&mut rng, 4)).collect();
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            let mut out = Vec::new();
            let mut writer = Writer::new(&mut out, protocol);
            sent.iter().for_each(|reply| write(&mut writer, reply));
            let (received, read) = read(ReplyLimits::default(), [out.as_slice()]);
            assert_eq!(read.end, Ok(()), "seed {seed}");
            let expected: Vec<Reply> = match protocol {
                Protocol::Resp2 => sent.iter().map(in_resp2).collect(),
                Protocol::Resp3 => sent.clone(),
            };
            assert_eq!(received, expected, "seed {seed} {protocol:?}");
        }
    }
}

#[test]
fn doubles_and_null_arrays_are_read_back() {
    for value in [0.0, -0.0, 1.0, 3.1, 1e20, 1e-7, f64::MAX, f64::INFINITY, f64::NEG_INFINITY] {
        let mut out = Vec::new();
        Writer::new(&mut out, Protocol::Resp3).double(value);
        let (received, _) = read(ReplyLimits::default(), [out.as_slice()]);
        assert_eq!(received, [Reply::Double(value)]);
    }
    let mut out = Vec::new();
    Writer::new(&mut out, Protocol::Resp2).null_array();
    assert_eq!(read(ReplyLimits::default(), [out.as_slice()]).0, [Reply::NullArray]);
}

#[test]
fn parts_of_a_reply_are_within_reach() {
    let (replies, _) =
        read(ReplyLimits::default(), [b"*2\r\n:7\r\n+x\r\n-ERR no\r\n~0\r\n%0\r\n".as_slice()]);
    let [array, error, set, map] = replies.as_slice() else { panic!("{replies:?}") };
    let elements = array.as_elements().unwrap();
    assert_eq!((elements[0].as_integer(), elements[0].as_bytes()), (Some(7), None));
    assert_eq!((elements[1].as_integer(), elements[1].as_bytes()), (None, Some(b"x".as_slice())));
    assert_eq!((error.is_error(), error.as_bytes()), (true, Some(b"ERR no".as_slice())));
    assert_eq!((set.as_elements(), set.is_error()), (Some([].as_slice()), false));
    assert_eq!(map.as_elements(), None);
}
