//! News of membership and liveness: the payload of [`Message::Gossip`](crate::Message::Gossip).
//!
//! Drawn byte by byte in `docs/formats/wire.md`. Invariants: decoding is total and its memory is a
//! small multiple of its input; whatever decodes can be encoded, and decodes to the same. What the
//! news mean is for nodes and their gossip machines to know.

mod fields;
mod rumours;
mod views;

use codec::{DecodeError, Reader};
use placement::ViewHash;

use crate::ids::ShardId;
use fields::Field;
pub use views::{Contact, Roster, RosterHash, ShardReport, Standing};

/// The most bytes of one piece of news.
pub const NEWS_SIZE_MAX: usize = gossip::MESSAGE_BYTES_HARD_MAX;

/// Numbers news and lists their fields.
macro_rules! news {
    (
        $($(#[$whole_doc:meta])* $whole_number:literal $whole:ident($value:ty))+;
        $($(#[$doc:meta])* $number:literal $name:ident {
            $($(#[$field_doc:meta])* $field:ident: $kind:ty),+ $(,)?
        })+
    ) => {
        /// One piece of news.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum News {
            $($(#[$whole_doc])* $whole($value),)+
            $($(#[$doc])* $name { $($(#[$field_doc])* $field: $kind),+ },)+
        }

        impl News {
            /// Writes the news.
            #[must_use]
            pub fn encode(&self) -> Box<[u8]> {
                let mut out = Vec::new();
                match self {
                    $(Self::$whole(value) => {
                        out.push($whole_number);
                        value.put(&mut out);
                    })+
                    $(Self::$name { $($field),+ } => {
                        out.push($number);
                        $($field.put(&mut out);)+
                    })+
                }
                out.into()
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match reader.byte()? {
                    $($whole_number => Field::get(reader).map(Self::$whole),)+
                    $($number => Ok(Self::$name { $($field: Field::get(reader)?),+ }),)+
                    _ => Err(DecodeError::Unknown("news")),
                }
            }
        }
    };
}

news! {
    /// A message of one gossip machine to another.
    1 Rumours(gossip::Message)
    /// Everything the sender knows of the members.
    3 Roster(Roster);
    /// By what members the sender acts from now on: what it says on this link afterwards, it says
    /// by these.
    2 Views {
        /// The hash of its view.
        view: ViewHash,
        /// The hash of its whole roster.
        roster: RosterHash,
    }
    /// Asks what the receiver holds of some shards.
    4 ReportsWanted {
        /// The view of who asks.
        view: ViewHash,
        /// The shards.
        shards: Vec<ShardId>,
    }
    /// What the sender holds of some shards.
    5 Reports {
        /// The view by which the sender acts.
        view: ViewHash,
        /// Each shard.
        reports: Vec<ShardReport>,
    }
}

impl News {
    /// Reads news.
    ///
    /// # Errors
    /// The bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > NEWS_SIZE_MAX {
            return Err(DecodeError::Limit("news"));
        }
        let mut reader = Reader::new(bytes);
        let news = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(news)
    }
}

impl Roster {
    /// Writes the roster, for keeping it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out);
        out
    }

    /// Reads a roster.
    ///
    /// # Errors
    /// The bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let roster = Field::get(&mut reader)?;
        reader.finish()?;
        Ok(roster)
    }
}
