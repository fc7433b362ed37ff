//! Rows that do not add up: what is left of them is used if it can be, and mended from others.

use replica::{Condition, Scrubbed};
use storage::Store;

use super::{Notice, Verification};
use crate::node::Node;

impl Verification {
    pub(super) fn tell(&mut self, notice: Notice) {
        // Whoever never takes them must not let them pile up.
        if self.notices.len() < 1_024 {
            self.notices.push(notice);
        }
    }
}

impl<S: Store> Node<S> {
    /// Takes stock of the shards that were found damaged when they were opened.
    pub(crate) fn take_stock(&mut self) {
        let damaged =
            |(_, one): &(&u16, &replica::Replica)| one.condition() == Condition::Quarantined;
        let damaged: Vec<u16> =
            self.replicas.iter().filter(damaged).map(|(shard, _)| *shard).collect();
        damaged.into_iter().for_each(|shard| self.use_what_is_left(shard));
    }

    /// Reads a shard's rows, and goes on with what is left of them when some are lost.
    pub(super) fn use_what_is_left(&mut self, shard: u16) {
        let Some(replica) = self.replicas.get_mut(&shard) else { return };
        let is_usable = match replica.scrub(&mut self.store) {
            Ok(Scrubbed::Sound) if replica.condition() == Condition::Serving => return,
            Ok(Scrubbed::Sound | Scrubbed::VersionsLost) => {
                replica.accept_rows(&mut self.store).is_ok()
            }
            Ok(Scrubbed::Untrusted) | Err(_) => false,
        };
        self.verification.counts.damaged += 1;
        self.verification.tell(Notice::Damaged { shard, is_usable });
    }
}
