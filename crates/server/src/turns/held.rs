//! What turns have to say and may not say yet: it waits, in order, for the disk to have what it
//! rests on.
//!
//! Invariant: what was held first goes first, so that messages of a link and replies of a
//! connection keep their order; and nothing goes before its ticket is flushed. A turn that wrote
//! nothing waits too, behind those before it: it may tell what they wrote.

use std::collections::VecDeque;

use storage::Ticket;

/// What turns have to say, oldest first.
#[derive(Debug)]
pub(super) struct Held<T> {
    turns: VecDeque<(Ticket, usize, T)>,
    count: usize,
    count_max: usize,
}

impl<T> Held<T> {
    /// Holds about so many words; see [`Held::is_full`].
    pub(super) const fn new(count_max: usize) -> Self {
        Self { turns: VecDeque::new(), count: 0, count_max }
    }

    /// Takes what a turn has to say in so many words, resting on everything up to a ticket.
    pub(super) fn hold(&mut self, ticket: Ticket, count: usize, words: T) {
        if count > 0 {
            self.count += count;
            self.turns.push_back((ticket, count, words));
        }
    }

    /// Returns what all turns have to say that rest on no more than is flushed now.
    pub(super) fn release(&mut self, flushed: Ticket) -> Vec<T> {
        let mut released = Vec::new();
        while let Some(turn) = self.turns.pop_front_if(|(ticket, ..)| *ticket <= flushed) {
            self.count -= turn.1;
            released.push(turn.2);
        }
        released
    }

    /// Counts the words.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Counts the words that a flush up to a ticket leaves waiting.
    pub(super) fn count_behind(&self, flushed: Ticket) -> usize {
        let behind = self.turns.iter().rev().take_while(|(ticket, ..)| *ticket > flushed);
        behind.map(|(_, count, _)| count).sum()
    }

    /// Whether so much is held that no more should be begun.
    pub(super) const fn is_full(&self) -> bool {
        self.count >= self.count_max
    }
}

#[cfg(test)]
mod tests {
    use storage::{
        Crash, DurableStore, EntryId, FlushPolicy, Millis, Options, PendingFlush, SimDisk, Store,
    };

    use super::*;

    fn open(disk: &SimDisk) -> DurableStore<SimDisk> {
        let flush = FlushPolicy::Always;
        let options =
            Options { flush, free_bytes_min: 0, segment_bytes: 900, ..Options::default() };
        DurableStore::open(disk.process(), disk.process(), options).unwrap().0
    }

    /// Whether a machine that loses power now still has what a word rests on.
    fn survives(disk: &SimDisk, counter: u64) -> bool {
        let copy = disk.copy(0);
        copy.crash(Crash::PowerLosesAll);
        let mut store = open(&copy);
        store.entry(1, EntryId { actor: 1, counter }, &mut Vec::new()).unwrap()
    }

    #[test]
    fn nothing_is_said_before_the_disk_has_it_and_all_is_said_in_order() {
        for seed in 0..60 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let disk = SimDisk::new(seed);
            let mut store = open(&disk);
            let mut held = Held::new(usize::MAX);
            let mut flush: Option<PendingFlush> = None;
            let (mut written, mut said) = (0, 0);
            for step in 0..80 {
                match rng.u8(..4) {
                    0 | 1 => {
                        // Some turns only read, and tell what the last one wrote.
                        if rng.bool() {
                            written += 1;
                            let id = EntryId { actor: 1, counter: written };
                            store.append(1, id, &[1; 50]).unwrap();
                        }
                        store.write_turn().unwrap();
                        held.hold(store.flush_ticket(), 1, written);
                    }
                    2 => flush = flush.take().or(store.begin_flush(Millis(0)).unwrap()),
                    _ => {
                        if let Some(flush) = flush.take() {
                            store.end_flush(flush.run()).unwrap();
                        }
                    }
                }
                for word in held.release(store.flushed()) {
                    assert!(word >= said, "seed {seed} step {step}: order");
                    assert!(word == 0 || survives(&disk, word), "seed {seed} step {step}");
                    said = word;
                }
            }
            assert!(said > 0, "seed {seed}: something was said");
        }
    }

    #[test]
    fn too_much_is_told() {
        let mut held = Held::new(3);
        held.hold(Ticket::default(), 0, 'n');
        held.hold(Ticket::default(), 2, 'a');
        assert!(!held.is_full());
        held.hold(Ticket::default(), 1, 'c');
        assert!(held.is_full());
        assert_eq!(held.count(), 3);
        assert_eq!(held.release(Ticket::default()), ['a', 'c']);
        assert!(!held.is_full());
        assert!(held.release(Ticket::default()).is_empty());
    }
}
