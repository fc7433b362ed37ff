//! The replies of one connection, in the order of its commands, whatever order outcomes come in.
//!
//! ```text
//! output          | asked 5: 2 of 3 outcomes, then replies 6, 7 | asked 8: 0 of 1 | ...
//! next to be sent | front
//! ```
//!
//! Invariant: a reply moves to the output when every reply before it has.

use std::collections::VecDeque;

use api::Outcome;
use redis::Pending;
use resp::{Protocol, Writer};

/// Room for output that an idle connection keeps, in bytes.
const OUTPUT_KEPT_SIZE_MAX: usize = 16 * 1024;

/// Names a command of one connection whose calls are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// Replies that wait for outcomes, and bytes that are ready.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    output: Vec<u8>,
    asked: VecDeque<Asked>,
    /// Ticket of the front of `asked`.
    front: u64,
    open_calls_count: usize,
}

#[derive(Debug)]
struct Asked {
    pending: Pending,
    outcomes: Vec<Option<Outcome>>,
    missing: usize,
    /// Replies of the commands behind this one that needed no calls.
    behind: Vec<u8>,
}

impl Replies {
    /// Writes a reply behind those of all commands before.
    pub(crate) fn write<T>(&mut self, write: impl FnOnce(&mut Writer<'_>) -> T) -> T {
        let out = match self.asked.back_mut() {
            None => &mut self.output,
            Some(asked) => &mut asked.behind,
        };
        // Whoever writes sets the protocol that the connection speaks.
        write(&mut Writer::new(out, Protocol::Resp2))
    }

    /// Opens a command of `count` calls.
    pub(crate) fn open(&mut self, pending: Pending, count: usize) -> Ticket {
        assert!(count > 0, "a command that asks nothing is answered at once");
        let outcomes = std::iter::repeat_with(|| None).take(count).collect();
        self.asked.push_back(Asked { pending, outcomes, missing: count, behind: Vec::new() });
        self.open_calls_count += count;
        Ticket(self.front + self.asked.len() as u64 - 1)
    }

    /// Takes the outcome of one call of a command; a second one for the same call is ignored.
    pub(crate) fn close(&mut self, ticket: Ticket, call: usize, outcome: Outcome) {
        let index = ticket.0.checked_sub(self.front).and_then(|index| usize::try_from(index).ok());
        let Some(asked) = index.and_then(|index| self.asked.get_mut(index)) else { return };
        let Some(slot @ None) = asked.outcomes.get_mut(call) else { return };
        *slot = Some(outcome);
        asked.missing -= 1;
        self.open_calls_count -= 1;
        self.settle();
    }

    /// Drops bytes of the output that were sent.
    pub(crate) fn sent(&mut self, count: usize) {
        self.output.drain(..count);
        if self.output.is_empty() {
            self.output.shrink_to(OUTPUT_KEPT_SIZE_MAX);
        }
    }

    /// The bytes to be sent next.
    pub(crate) fn output(&self) -> &[u8] {
        &self.output
    }

    /// How many calls have no outcome yet.
    pub(crate) const fn open_calls_count(&self) -> usize {
        self.open_calls_count
    }

    /// Whether every reply was sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.asked.is_empty() && self.output.is_empty()
    }

    /// Moves what is complete at the front to the output.
    fn settle(&mut self) {
        while let Some(Asked { pending, outcomes, behind, .. }) =
            self.asked.pop_front_if(|asked| asked.missing == 0)
        {
            self.front += 1;
            let outcomes: Vec<Outcome> = outcomes.into_iter().flatten().collect();
            let mut writer = Writer::new(&mut self.output, Protocol::Resp2);
            redis::finish(pending, &outcomes, &mut writer);
            self.output.extend_from_slice(&behind);
        }
    }
}

#[cfg(test)]
mod tests {
    use api::{Level, Outcome};
    use causality::{Millis, NodeId};
    use redis::{ClientId, ClusterView, Levels, Session, Step};

    use super::*;

    /// Opens the calls of `MGET` with so many keys.
    fn open(replies: &mut Replies, keys: usize) -> Ticket {
        let levels = Levels { read: Level::One, write: Level::One };
        let mut session =
            Session::new(ClientId(1), String::new(), String::new(), levels, Millis(0));
        let view = ClusterView { me: NodeId(1), started: Millis(0), nodes: vec![], ranges: vec![] };
        let mut args: Vec<&[u8]> = vec![b"MGET"];
        args.extend(std::iter::repeat_n(b"k".as_slice(), keys));
        let step =
            replies.write(|writer| redis::begin(&mut session, &args, Millis(0), &view, writer));
        let Step::Calls { calls, pending } = step else { panic!("MGET asks the node") };
        replies.open(pending, calls.len())
    }

    fn value(text: &str) -> Outcome {
        Outcome::Value(text.into())
    }

    #[test]
    fn replies_keep_the_order_of_commands() {
        let mut replies = Replies::default();
        replies.write(|writer| writer.simple("first"));
        let a = open(&mut replies, 2);
        replies.write(|writer| writer.simple("between"));
        let b = open(&mut replies, 1);
        replies.write(|writer| writer.simple("last"));
        assert_eq!(replies.output(), b"+first\r\n");
        assert_eq!(replies.open_calls_count(), 3);

        replies.close(b, 0, value("b"));
        replies.close(a, 1, value("a1"));
        assert_eq!(replies.output(), b"+first\r\n");
        replies.close(a, 0, value("a0"));
        let expected =
            "+first\r\n*2\r\n$2\r\na0\r\n$2\r\na1\r\n+between\r\n*1\r\n$1\r\nb\r\n+last\r\n";
        assert_eq!(String::from_utf8_lossy(replies.output()), expected);
        assert_eq!(replies.open_calls_count(), 0);

        replies.sent(8);
        assert!(!replies.is_empty());
        replies.sent(expected.len() - 8);
        assert!(replies.is_empty());
    }

    #[test]
    fn outcomes_nobody_waits_for_change_nothing() {
        let mut replies = Replies::default();
        let a = open(&mut replies, 1);
        replies.close(a, 1, value("beyond"));
        replies.close(Ticket(a.0 + 1), 0, value("unknown"));
        assert!(replies.output().is_empty());
        replies.close(a, 0, value("a"));
        let size = replies.output().len();
        replies.close(a, 0, value("again"));
        assert_eq!(replies.output().len(), size);
    }
}
