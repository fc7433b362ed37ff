//! The first words on a link: who is there, of which cluster, and does it know the secret.
//!
//! ```text
//! both send       HELLO challenge           and check cluster, id and versions
//! both answer     HELLO challenge + proof   and check the proof
//! ```
//!
//! The secret never travels. A proof names who proves and to whom, so that it can neither be sent
//! back to its author nor shown to a third; on an encrypted connection it also names that very
//! connection, so that nobody can stand between two nodes and pass proofs on. Nothing but these
//! frames is read before the proof.

use std::cell::Cell;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;

use causality::{Incarnation, NodeId};
use siphasher::sip128::{Hasher128 as _, SipHasher24};
use thiserror::Error;
use wire::{
    Challenge, ClusterId, Decoder, Encoder, FrameLimit, Hello, Message, Proof, ProtocolRange,
    ProtocolVersion, Reason, RequestId, Scan, VersionError, WireError, scan,
};

use crate::config::Config;
use crate::socket::{Binding, Socket};

/// Greetings and refusals are short.
const GREETING_LIMIT: FrameLimit = FrameLimit(4096);

/// What this node says about itself, and whom it lets in.
#[derive(Clone, Debug)]
pub(super) struct Introduction {
    me: NodeId,
    pub(super) incarnation: Cell<Incarnation>,
    cluster: ClusterId,
    secret: String,
}

/// A peer that proved who it is, and the two ends of the link to it.
#[derive(Debug)]
pub(super) struct Greeted {
    pub(super) node: NodeId,
    pub(super) socket: Socket,
    pub(super) encoder: Encoder,
    pub(super) decoder: Decoder,
    /// Bytes that came right behind the greeting.
    pub(super) input: Vec<u8>,
}

/// Why no link was made.
#[derive(Debug, Error)]
pub(super) enum GreetError {
    #[error("{0}")]
    Socket(#[from] io::Error),
    #[error("it does not speak our protocol: {0}")]
    Wire(#[from] WireError),
    #[error("it said something else than hello")]
    NoHello,
    #[error("it belongs to another cluster")]
    Cluster,
    #[error("node {} is not expected there", .0.0)]
    Unexpected(NodeId),
    #[error("{0}")]
    Version(#[from] VersionError),
    #[error("its cluster secret is another one")]
    Secret,
    #[error("it refuses: {0}")]
    Refused(String),
}

impl Introduction {
    pub(super) fn new(config: &Config, incarnation: Incarnation) -> Self {
        Self {
            me: config.me,
            incarnation: Cell::new(incarnation),
            cluster: ClusterId(config.cluster),
            secret: config.secret.clone(),
        }
    }

    /// Greets whoever is at the other end; `is_expected` says whose link this may be.
    pub(super) async fn greet(
        &self,
        socket: Socket,
        is_expected: impl Fn(NodeId) -> bool,
    ) -> Result<Greeted, GreetError> {
        let mut talk = Talk::new(socket);
        let greeted = self.exchange(&mut talk, is_expected).await;
        if let Err(error) = &greeted
            && let Some(reason) = error.reason()
        {
            let text = error.to_string();
            let request = RequestId::default();
            // The other side learns why, if it still listens.
            let _ = talk.say(&Message::Refused { request, reason, text }).await;
        }
        let node = greeted?;
        let Talk { socket, encoder, decoder, input } = talk;
        Ok(Greeted { node, socket, encoder, decoder, input })
    }

    async fn exchange(
        &self,
        talk: &mut Talk,
        is_expected: impl Fn(NodeId) -> bool,
    ) -> Result<NodeId, GreetError> {
        let ours = Hello {
            versions: ProtocolRange::SUPPORTED,
            cluster: self.cluster,
            node: self.me,
            incarnation: self.incarnation.get(),
            challenge: challenge(),
            proof: Proof::default(),
        };
        talk.say(&Message::Hello(ours)).await?;
        let theirs = talk.hear().await?;
        if theirs.cluster != self.cluster {
            return Err(GreetError::Cluster);
        }
        if !is_expected(theirs.node) {
            return Err(GreetError::Unexpected(theirs.node));
        }
        let version = ours.versions.agree(theirs.versions)?;
        let binding = talk.socket.binding();
        let proof = self.prove(theirs.challenge, self.me, theirs.node, binding);
        talk.say(&Message::Hello(Hello { proof, ..ours })).await?;
        let proven = talk.hear().await?;
        if proven.proof != self.prove(ours.challenge, theirs.node, self.me, binding) {
            return Err(GreetError::Secret);
        }
        talk.encoder.speak(version);
        Ok(theirs.node)
    }

    /// What `prover` has to say to `verifier` about its challenge.
    fn prove(
        &self,
        challenge: Challenge,
        prover: NodeId,
        verifier: NodeId,
        binding: Option<Binding>,
    ) -> Proof {
        let mut key = SipHasher24::new();
        key.write(self.secret.as_bytes());
        let mut hasher = SipHasher24::new_with_key(&key.finish128().as_bytes());
        hasher.write(&self.cluster.0.to_le_bytes());
        hasher.write(&challenge.0);
        hasher.write(&prover.0.to_le_bytes());
        hasher.write(&verifier.0.to_le_bytes());
        hasher.write(binding.as_ref().map_or(&[], |binding| &binding[..]));
        Proof(hasher.finish128().h1)
    }
}

impl GreetError {
    /// What to tell the other side; nothing when it is gone or refused us itself.
    const fn reason(&self) -> Option<Reason> {
        match self {
            Self::Socket(_) | Self::Refused(_) => None,
            Self::Wire(_) | Self::NoHello | Self::Unexpected(_) => Some(Reason::Invalid),
            Self::Cluster | Self::Secret => Some(Reason::Cluster),
            Self::Version(_) => Some(Reason::Version),
        }
    }
}

/// A connection on which only greetings have been said.
struct Talk {
    socket: Socket,
    encoder: Encoder,
    decoder: Decoder,
    input: Vec<u8>,
}

impl Talk {
    fn new(socket: Socket) -> Self {
        let encoder = Encoder::new(ProtocolVersion::CURRENT, FrameLimit::default());
        Self { socket, encoder, decoder: Decoder::new(), input: Vec::new() }
    }

    async fn say(&mut self, message: &Message) -> Result<(), GreetError> {
        let mut out = Vec::new();
        self.encoder.message(message, &mut out).expect("greetings are far below the limit");
        Ok(self.socket.write_all(&out).await?)
    }

    async fn hear(&mut self) -> Result<Hello, GreetError> {
        loop {
            if let Scan::Complete { frame, size } = scan(&self.input, GREETING_LIMIT)? {
                let message = self.decoder.message(&frame)?;
                self.input.drain(..size);
                return match message {
                    Message::Hello(hello) => Ok(hello),
                    Message::Refused { text, .. } => Err(GreetError::Refused(text)),
                    _ => Err(GreetError::NoHello),
                };
            }
            if self.socket.read_buf(&mut self.input).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }
}

/// Bytes that nobody can foresee: hashes under keys that the system chose for this process.
fn challenge() -> Challenge {
    let random = RandomState::new();
    let halves = [random.hash_one(0), random.hash_one(1)].map(u64::to_le_bytes);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(halves.as_flattened());
    Challenge(bytes)
}

#[cfg(test)]
mod tests;
