//! One connection in a test: a session, a clock that stands still, and a view of three nodes.

use api::{Call, Outcome};
use causality::{Millis, NodeId};
use redis::{
    ClientId, ClusterNode, ClusterView, Levels, Liveness, Question, Session, SlotRange, Step,
};
use resp::{Limits, Parsed, Parser, Writer};

use crate::lone::Lone;

pub(crate) const NOW: Millis = Millis(1_700_000_000_000);

pub(crate) struct Client {
    pub(crate) session: Session,
    pub(crate) view: ClusterView,
}

/// What a command came to at once.
#[derive(Debug)]
pub(crate) enum Begun {
    Replied(Vec<u8>),
    Closed(Vec<u8>),
    Called(Vec<Call>, redis::Pending),
    Asked(Question),
}

impl Client {
    pub(crate) fn new() -> Self {
        let (peer, local) = ("10.0.0.9:5000".to_owned(), "10.0.0.1:7001".to_owned());
        let session = Session::new(ClientId(7), peer, local, Levels::default(), NOW.minus(9_500));
        Self { session, view: view() }
    }

    pub(crate) fn begin(&mut self, line: &str) -> Begun {
        let args = words(line);
        let args: Vec<_> = args.iter().map(Vec::as_slice).collect();
        let mut out = Vec::new();
        let protocol = self.session.protocol();
        let mut writer = Writer::new(&mut out, protocol);
        match redis::begin(&mut self.session, &args, NOW, &self.view, &mut writer) {
            Step::Reply => Begun::Replied(out),
            Step::Close => Begun::Closed(out),
            Step::Ask(question) => Begun::Asked(question),
            Step::Wait(blocked) => {
                // Nobody else is there who could give anything.
                let mut writer = Writer::new(&mut out, protocol);
                blocked.give_up(&mut writer);
                Begun::Replied(out)
            }
            Step::Calls { calls, pending } => {
                assert!(out.is_empty(), "the reply of {line} begins before its outcomes");
                Begun::Called(calls, pending)
            }
        }
    }

    /// Answers a command that needs no call.
    pub(crate) fn local(&mut self, line: &str) -> String {
        match self.begin(line) {
            Begun::Replied(out) => escape(&out),
            other => panic!("{line} is answered at once, not {other:?}"),
        }
    }

    /// Carries a command out on a node, in as many rounds as it takes.
    pub(crate) fn carry_out(&mut self, line: &str, node: &mut Lone) -> String {
        let (mut calls, mut pending) = match self.begin(line) {
            Begun::Replied(out) | Begun::Closed(out) => return escape(&out),
            Begun::Called(calls, pending) => (calls, pending),
            Begun::Asked(question) => panic!("{line} asks the driver {question:?}"),
        };
        loop {
            let outcomes: Vec<_> = calls.into_iter().map(|call| node.carry_out(call)).collect();
            let mut out = Vec::new();
            let mut writer = Writer::new(&mut out, resp::Protocol::Resp2);
            match redis::finish(pending, &outcomes, &mut writer) {
                Step::Calls { calls: more, pending: next } => (calls, pending) = (more, next),
                Step::Reply => return escape(&out),
                Step::Wait(blocked) => {
                    let mut writer = Writer::new(&mut out, resp::Protocol::Resp2);
                    blocked.give_up(&mut writer);
                    return escape(&out);
                }
                other => panic!("{line} ended with {other:?}"),
            }
        }
    }
}

pub(crate) fn finish(pending: redis::Pending, outcomes: &[Outcome]) -> String {
    let mut out = Vec::new();
    // The pending command knows better which protocol was spoken when it came.
    let mut writer = Writer::new(&mut out, resp::Protocol::Resp2);
    let step = redis::finish(pending, outcomes, &mut writer);
    assert!(matches!(step, Step::Reply), "{step:?}");
    escape(&out)
}

/// Splits a line as the server would: quotes and escapes are those of inline commands.
pub(crate) fn words(line: &str) -> Vec<Vec<u8>> {
    let mut parser = Parser::new(Limits::default());
    let buffer = format!("{line}\r\n").into_bytes();
    let parsed = parser.parse(&buffer).expect("a line of a test is a valid command");
    let Parsed::Command { command, consumed } = parsed else {
        panic!("{line:?} is a whole command");
    };
    assert_eq!(consumed, buffer.len());
    command.iter().map(<[u8]>::to_vec).collect()
}

/// Shows bytes as the transcripts write them.
pub(crate) fn escape(bytes: &[u8]) -> String {
    let show = |byte: &u8| match byte {
        b'\r' => "\\r".to_owned(),
        b'\n' => "\\n".to_owned(),
        b'\\' => "\\\\".to_owned(),
        b' '..=b'~' => char::from(*byte).to_string(),
        other => format!("\\x{other:02x}"),
    };
    bytes.iter().map(show).collect()
}

fn view() -> ClusterView {
    let node = |id: u32, liveness| ClusterNode {
        id: NodeId(id),
        host: format!("10.0.0.{id}"),
        port: 7001,
        peer_port: 9001,
        liveness,
    };
    let range = |first, last, owners: &[u32]| SlotRange {
        first,
        last,
        owners: owners.iter().copied().map(NodeId).collect(),
    };
    ClusterView {
        me: NodeId(1),
        process: 4711,
        started: NOW.minus(90_061_000),
        nodes: vec![node(1, Liveness::Up), node(2, Liveness::Up), node(3, Liveness::Down)],
        shard_count: 16,
        ranges: vec![
            range(0, 8191, &[1, 2]),
            range(8192, 8192, &[3, 1]),
            range(8193, 16383, &[1, 2]),
        ],
    }
}
