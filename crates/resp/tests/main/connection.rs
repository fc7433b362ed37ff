//! Both ends of a connection as a driver would hold them: a buffer, a parser, bytes in pieces.

use resp::{
    Limits, Parsed, ParsedReply, Parser, ProtocolError, Reply, ReplyError, ReplyLimits,
    ReplyParser, Trust,
};

/// Commands as owned arguments.
pub(crate) type Commands = Vec<Vec<Vec<u8>>>;

/// What a server has understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Understood {
    /// The commands, in order.
    pub(crate) commands: Commands,
    /// How the bytes end: how many are left waiting, or the error.
    pub(crate) end: Result<usize, ProtocolError>,
}

/// The server's end of a connection.
pub(crate) struct ServerSide {
    pub(crate) parser: Parser,
    buffer: Vec<u8>,
    understood: Understood,
}

impl ServerSide {
    pub(crate) fn new(limits: Limits, trust: Trust) -> Self {
        let mut parser = Parser::new(limits);
        parser.set_trust(trust);
        let understood = Understood { commands: Vec::new(), end: Ok(0) };
        Self { parser, buffer: Vec::new(), understood }
    }

    /// Receives one piece; after an error nothing more is understood.
    pub(crate) fn receive(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
        let mut start = 0;
        loop {
            match self.parser.parse(&self.buffer[start..]) {
                Ok(Parsed::Command { command, consumed }) => {
                    assert!(consumed > 0);
                    let args = command.iter().map(<[u8]>::to_vec).collect();
                    self.understood.commands.push(args);
                    start += consumed;
                }
                Ok(Parsed::Incomplete { consumed, needed }) => {
                    assert!(needed > 0);
                    start += consumed;
                    break;
                }
                Err(error) => {
                    self.understood.end = Err(error);
                    return;
                }
            }
        }
        self.buffer.drain(..start);
        self.understood.end = Ok(self.buffer.len());
    }

    pub(crate) fn understood(self) -> Understood {
        self.understood
    }
}

/// Lets a server with given bounds receive pieces.
pub(crate) fn understand<'a>(
    limits: Limits,
    trust: Trust,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Understood {
    let mut server = ServerSide::new(limits, trust);
    pieces.into_iter().for_each(|piece| server.receive(piece));
    server.understood()
}

/// What a client has read; replies are compared as text, because NaN is not itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) replies: Vec<String>,
    pub(crate) end: Result<(), ReplyError>,
}

/// Lets a client receive pieces.
pub(crate) fn read<'a>(
    limits: ReplyLimits,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Reply>, Read) {
    let mut parser = ReplyParser::new(limits);
    let (mut buffer, mut replies) = (Vec::new(), Vec::new());
    let end = pieces.into_iter().try_for_each(|piece| {
        buffer.extend_from_slice(piece);
        read_all(&mut parser, &mut buffer, &mut replies)
    });
    let shown = replies.iter().map(|reply| format!("{reply:?}")).collect();
    (replies, Read { replies: shown, end })
}

fn read_all(
    parser: &mut ReplyParser,
    buffer: &mut Vec<u8>,
    replies: &mut Vec<Reply>,
) -> Result<(), ReplyError> {
    loop {
        match parser.parse(buffer)? {
            ParsedReply::Complete { reply, consumed } => {
                assert!(consumed > 0);
                replies.push(reply);
                buffer.drain(..consumed);
            }
            ParsedReply::Incomplete { consumed, needed } => {
                assert!(needed > 0);
                buffer.drain(..consumed);
                return Ok(());
            }
        }
    }
}
