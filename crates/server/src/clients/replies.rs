//! The replies of one connection, in the order of its commands, whatever order outcomes come in.
//!
//! ```text
//! output          | asked 5: 2 of 3 outcomes, then replies 6, 7 | asked 8: 0 of 1 | ...
//! next to be sent | front
//! ```
//!
//! Invariant: a reply moves to the output when every reply before it has.

use std::collections::VecDeque;

use api::{Call, Outcome};
use redis::{Blocked, Pending, Push, Step, Unblocking};
use resp::{Protocol, Writer};
use smallvec::SmallVec;

/// Room for output that an idle connection keeps, in bytes.
const OUTPUT_KEPT_SIZE_MAX: usize = 16 * 1024;

/// Bytes that may wait to be sent, and that calls under way may be expected to add, before no more
/// commands are taken.
const OUTPUT_SIZE_MAX: usize = 1024 * 1024;
/// Bytes that may wait for a client that is sent what it listens to; one that takes it too slowly
/// is cut off.
const PUSHED_SIZE_MAX: usize = 32 * 1024 * 1024;
/// Calls that may be open, however short their replies.
const OPEN_CALLS_COUNT_MAX: usize = 1024;
/// What a call of a new connection is expected to be answered with, in bytes.
const REPLY_SIZE_FIRST: usize = 16 * 1024;
/// An expectation is never lower: replies may grow from one to the next.
const REPLY_SIZE_MIN: usize = 1024;

/// Names a command of one connection whose calls are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// Replies that wait for outcomes, and bytes that are ready.
#[derive(Debug)]
pub(crate) struct Replies {
    output: Vec<u8>,
    asked: VecDeque<Asked>,
    /// Bytes that are ready but wait for replies before them.
    behind_size: usize,
    /// How long the reply to one call is expected to be: as long as they have been lately.
    reply_size: usize,
    /// The command whose client waits; then it is the only one.
    blocked: Option<Blocked>,
    /// Ticket of the front of `asked`.
    front: u64,
    open_calls_count: usize,
}

#[derive(Debug)]
struct Asked {
    pending: Pending,
    outcomes: SmallVec<[Option<Outcome>; 1]>,
    missing: usize,
    /// Replies of the commands behind this one that needed no calls.
    behind: Vec<u8>,
}

impl Default for Replies {
    fn default() -> Self {
        Self {
            output: Vec::new(),
            asked: VecDeque::new(),
            behind_size: 0,
            reply_size: REPLY_SIZE_FIRST,
            blocked: None,
            front: 0,
            open_calls_count: 0,
        }
    }
}

impl Replies {
    /// Writes a reply behind those of all commands before.
    pub(crate) fn write<T>(&mut self, write: impl FnOnce(&mut Writer<'_>) -> T) -> T {
        // Whoever writes sets the protocol that the connection speaks.
        let Some(asked) = self.asked.back_mut() else {
            return write(&mut Writer::new(&mut self.output, Protocol::Resp2));
        };
        let before = asked.behind.len();
        let written = write(&mut Writer::new(&mut asked.behind, Protocol::Resp2));
        self.behind_size += asked.behind.len() - before;
        written
    }

    /// Whether another command may be taken: what is held, and what is expected, is not too much.
    pub(crate) const fn has_room(&self) -> bool {
        let expected = self.open_calls_count * self.reply_size;
        self.output.len() + self.behind_size + expected < OUTPUT_SIZE_MAX
            && self.open_calls_count < OPEN_CALLS_COUNT_MAX
    }

    /// Opens a command of `count` calls; one without any is answered by [`Self::settle`].
    pub(crate) fn open(&mut self, pending: Pending, count: usize) -> Ticket {
        let outcomes = std::iter::repeat_with(|| None).take(count).collect();
        self.asked.push_back(Asked { pending, outcomes, missing: count, behind: Vec::new() });
        self.open_calls_count += count;
        Ticket(self.front + self.asked.len() as u64 - 1)
    }

    /// Whether every command so far is answered.
    pub(crate) fn is_settled(&self) -> bool {
        self.asked.is_empty() && self.blocked.is_none()
    }

    /// Keeps a command whose client waits.
    pub(crate) fn block(&mut self, blocked: Blocked) {
        assert!(self.is_settled(), "nothing waits behind anything");
        self.blocked = Some(blocked);
    }

    /// The command whose client waits.
    pub(crate) const fn blocked(&self) -> Option<&Blocked> {
        self.blocked.as_ref()
    }

    /// Lets the command that waits look again: returns its calls.
    pub(crate) fn retry(&mut self) -> Option<(Ticket, Vec<Call>)> {
        match self.blocked.take()?.retry() {
            Step::Calls { calls, pending } => Some((self.open(pending, calls.len()), calls)),
            Step::Wait(blocked) => {
                self.blocked = Some(blocked);
                None
            }
            Step::Reply | Step::Ask(_) | Step::Close => None,
        }
    }

    /// Answers the command that waits; says whether there was one.
    pub(crate) fn unblock(&mut self, how: Unblocking) -> bool {
        let Some(blocked) = self.blocked.take() else { return false };
        blocked.unblock(how, &mut Writer::new(&mut self.output, Protocol::Resp2));
        true
    }

    /// Forgets the command that waits, without a reply.
    pub(crate) fn forget_blocked(&mut self) {
        self.blocked = None;
    }

    /// Sends something that no command asked for: at once, or behind the replies that are open.
    /// Says whether the client has taken what it was sent before.
    pub(crate) fn push(&mut self, push: &Push, protocol: Protocol) -> bool {
        self.write(|writer| {
            writer.set_protocol(protocol);
            push.write(writer);
        });
        self.output.len() + self.behind_size <= PUSHED_SIZE_MAX
    }

    /// Takes the outcome of one call of a command; a second one for the same call is ignored.
    /// Returns the calls of another round, where a command has one.
    pub(crate) fn close(
        &mut self,
        ticket: Ticket,
        call: usize,
        outcome: Outcome,
    ) -> Option<(Ticket, Vec<Call>)> {
        let index = ticket.0.checked_sub(self.front).and_then(|index| usize::try_from(index).ok());
        let asked = index.and_then(|index| self.asked.get_mut(index))?;
        let slot @ None = asked.outcomes.get_mut(call)? else { return None };
        *slot = Some(outcome);
        asked.missing -= 1;
        self.open_calls_count -= 1;
        self.settle()
    }

    /// Whether a command may ask again, so that no other one may begin.
    pub(crate) fn is_in_rounds(&self) -> bool {
        self.blocked.is_some()
            || self.asked.back().is_some_and(|asked| !asked.pending.is_last_round())
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

    /// Whether every reply was sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_settled() && self.output.is_empty()
    }

    /// Moves what is complete at the front to the output, up to a command that asks again.
    pub(crate) fn settle(&mut self) -> Option<(Ticket, Vec<Call>)> {
        while let Some(Asked { pending, outcomes, behind, .. }) =
            self.asked.pop_front_if(|asked| asked.missing == 0)
        {
            self.front += 1;
            let before = self.output.len();
            let outcomes: SmallVec<[Outcome; 1]> = outcomes.into_iter().flatten().collect();
            let mut writer = Writer::new(&mut self.output, Protocol::Resp2);
            match redis::finish(pending, &outcomes, &mut writer) {
                Step::Calls { calls, pending } => {
                    assert!(self.asked.is_empty(), "nothing began behind it");
                    let ticket = self.open(pending, calls.len());
                    self.keep_behind(behind);
                    return Some((ticket, calls));
                }
                Step::Wait(blocked) => {
                    self.block(blocked);
                    self.behind_size -= behind.len();
                    self.output.extend_from_slice(&behind);
                    return None;
                }
                Step::Reply | Step::Ask(_) | Step::Close => {}
            }
            self.expect_like((self.output.len() - before) / outcomes.len().max(1));
            self.behind_size -= behind.len();
            self.output.extend_from_slice(&behind);
        }
        None
    }

    /// Keeps what came without being asked for behind a command that asks again.
    fn keep_behind(&mut self, behind: Vec<u8>) {
        if let Some(asked) = self.asked.back_mut() {
            asked.behind = behind;
        }
    }

    /// Expects replies like this one: longer ones at once, shorter ones little by little.
    fn expect_like(&mut self, size: usize) {
        let shorter = self.reply_size - self.reply_size / 8;
        self.reply_size = size.max(shorter).max(REPLY_SIZE_MIN);
    }
}

#[cfg(test)]
mod tests {
    use api::{Level, Outcome};
    use causality::{Millis, NodeId};
    use redis::{ClientId, ClusterView, Levels, Session};

    use super::*;

    /// Opens the calls of `MGET` with so many keys.
    fn open(replies: &mut Replies, keys: usize) -> Ticket {
        let mut args: Vec<&[u8]> = vec![b"MGET"];
        args.extend(std::iter::repeat_n(b"k".as_slice(), keys));
        begin(replies, &args)
    }

    fn begin(replies: &mut Replies, args: &[&[u8]]) -> Ticket {
        let levels = Levels { read: Level::One, write: Level::One };
        let mut session =
            Session::new(ClientId(1), String::new(), String::new(), levels, Millis(0));
        let (me, started) = (NodeId(1), Millis(0));
        let view =
            ClusterView { me, process: 1, started, nodes: vec![], shard_count: 1, ranges: vec![] };
        let step =
            replies.write(|writer| redis::begin(&mut session, args, Millis(0), &view, writer));
        let Step::Calls { calls, pending } = step else { panic!("it asks the node") };
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
        assert_eq!(replies.open_calls_count, 3);

        let _ = replies.close(b, 0, value("b"));
        let _ = replies.close(a, 1, value("a1"));
        assert_eq!(replies.output(), b"+first\r\n");
        let _ = replies.close(a, 0, value("a0"));
        let expected =
            "+first\r\n*2\r\n$2\r\na0\r\n$2\r\na1\r\n+between\r\n*1\r\n$1\r\nb\r\n+last\r\n";
        assert_eq!(String::from_utf8_lossy(replies.output()), expected);
        assert_eq!((replies.open_calls_count, replies.behind_size), (0, 0));

        replies.sent(8);
        assert!(!replies.is_empty());
        replies.sent(expected.len() - 8);
        assert!(replies.is_empty());
    }

    /// Opens as many calls as there is room for.
    fn fill(replies: &mut Replies) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        while replies.has_room() {
            tickets.push(open(replies, 1));
        }
        tickets
    }

    #[test]
    fn long_replies_leave_room_for_few_calls_and_short_ones_for_many() {
        let mut replies = Replies::default();
        let first = fill(&mut replies).len();
        assert_eq!(first, OUTPUT_SIZE_MAX / REPLY_SIZE_FIRST);
        let long = "x".repeat(100_000);
        (0..first as u64).for_each(|ticket| _ = replies.close(Ticket(ticket), 0, value(&long)));
        assert!(!replies.has_room(), "nobody has read anything");
        replies.sent(replies.output().len());
        assert_eq!(fill(&mut replies).len(), 11, "as many as fit, expecting the same again");
        for ticket in 0..200 {
            replies.close(Ticket(first as u64 + ticket), 0, value("short"));
            let _ = open(&mut replies, 1);
        }
        replies.sent(replies.output().len());
        fill(&mut replies);
        assert_eq!(replies.open_calls_count, OPEN_CALLS_COUNT_MAX);
    }

    #[test]
    fn replies_that_wait_behind_a_call_take_room_too() {
        let mut replies = Replies::default();
        let first = open(&mut replies, 1);
        let long = "x".repeat(OUTPUT_SIZE_MAX);
        replies.write(|writer| writer.bulk(long.as_bytes()));
        assert!(!replies.has_room());
        replies.close(first, 0, value("a"));
        replies.sent(replies.output().len());
        assert!(replies.has_room());
    }

    #[test]
    fn outcomes_nobody_waits_for_change_nothing() {
        let mut replies = Replies::default();
        let a = open(&mut replies, 1);
        let _ = replies.close(a, 1, value("beyond"));
        let _ = replies.close(Ticket(a.0 + 1), 0, value("unknown"));
        assert!(replies.output().is_empty());
        let _ = replies.close(a, 0, value("a"));
        let size = replies.output().len();
        let _ = replies.close(a, 0, value("again"));
        assert_eq!(replies.output().len(), size);
    }

    #[test]
    fn a_command_of_several_rounds_asks_again_and_is_answered_in_the_end() {
        let mut replies = Replies::default();
        let before = open(&mut replies, 1);
        let ticket = begin(&mut replies, &[b"SUNIONSTORE", b"d", b"a", b"b"]);
        assert!(replies.is_in_rounds());
        for key in [0, 1] {
            let more = replies.close(ticket, key, Outcome::Values(vec![b"m".into()]));
            assert!(more.is_none(), "what came before is not answered yet");
        }
        let (ticket, calls) = replies.close(before, 0, value("v")).expect("the set is written now");
        assert_eq!(calls[0].key, b"d");
        assert!(!replies.is_in_rounds());
        assert!(replies.close(ticket, 0, Outcome::Integer(1)).is_none());
        assert_eq!(replies.output(), b"*1\r\n$1\r\nv\r\n:1\r\n");
        assert!(replies.is_settled());
    }
}
