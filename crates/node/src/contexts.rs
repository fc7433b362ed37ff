//! Contexts of clients: which versions of a key somebody was shown.
//!
//! A context names exact dots and is bound to its cluster, shard and key, because one that named
//! dots of the future would supersede writes before they are made.

use api::{CallError, SealedContext};
use causality::{Context, ContextKey, ContextScope, Dot};

/// What contexts of one key are sealed with, and opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contexts<'a> {
    pub(crate) secret: &'a ContextKey,
    pub(crate) scope: ContextScope,
}

impl Contexts<'_> {
    /// Names versions that a client is shown.
    pub(crate) fn seal(self, dots: impl IntoIterator<Item = Dot>) -> SealedContext {
        SealedContext(Context::new(dots).seal(self.secret, self.scope))
    }

    /// Says which versions a client was shown.
    ///
    /// # Errors
    /// `BadContext`.
    pub(crate) fn open(self, sealed: &SealedContext) -> Result<Vec<Dot>, CallError> {
        let context = Context::open(&sealed.0, self.secret, self.scope);
        Ok(context.map_err(|_| CallError::BadContext)?.dots)
    }
}
