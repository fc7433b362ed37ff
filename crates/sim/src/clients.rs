//! Clients: what they ask, of whom, and what becomes of the answers.

use api::{Call, Outcome};
use fastrand::Rng;
use node::{Event, RequestId};

use crate::deeds;
use crate::history::RecordId;
use crate::observed::Observed;
use crate::world::World;

/// Requests of the checkers have the bit 62 set; those of clients do not.
const CHECK_BIT: u64 = 1 << 62;

/// A command that is not answered yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open {
    record: RecordId,
    pub(crate) client: u32,
    pub(crate) at: usize,
}

impl World<'_> {
    /// A client asks a random node that is up, unless it still waits for an answer.
    pub(crate) fn ask(&mut self, client: u32, rng: &mut Rng) {
        let count = self.machines.len();
        let first = rng.usize(0..count);
        let up = (0..count).map(|step| (first + step) % count);
        let Some(at) = up.into_iter().find(|at| self.machines[*at].is_up()) else { return };
        if !self.busy.insert(client) {
            return;
        }
        let levels = self.setup.levels[rng.usize(0..self.setup.levels.len())];
        let number = self.history.next_number();
        let deed = deeds::draw(rng, &self.setup.mix, &self.history, number);
        let session = self.session_at(client, at);
        let bounds = &self.setup.staleness;
        let bound =
            (deed.is_read() && !bounds.is_empty()).then(|| bounds[rng.usize(0..bounds.len())]);
        let staleness = bound.flatten();
        let call = Call { session, ..deeds::command(&deed, levels, staleness) };
        let who = self.name(at);
        self.trace.tell(self.now, &who, || {
            let bound = staleness.map(|bound| format!(", at most {} ms stale", bound.0));
            let bound = bound.unwrap_or_default();
            let (read, write) = levels;
            format!("<- client {client}: #{number} {deed}, read {read} write {write}{bound}")
        });
        let record = self.history.ask(at, session, deed, levels, staleness);
        let request = RequestId(number);
        self.open.insert(request, Open { record, client, at });
        self.event(at, Event::Called { request, call });
    }

    /// A checker asks a node and waits.
    pub(crate) fn look(&mut self, at: usize, call: Call) -> Result<Option<Outcome>, String> {
        self.checked = None;
        let request = RequestId(CHECK_BIT | self.event_count);
        self.event(at, Event::Called { request, call });
        for _ in 0..500 {
            if self.checked.is_some() {
                break;
            }
            self.run_for(10)?;
        }
        Ok(self.checked.take())
    }

    pub(crate) fn reply(&mut self, request: RequestId, outcome: Outcome, is_sloppy: bool) {
        let outcome = deeds::as_a_whole(outcome);
        if request.0 & CHECK_BIT != 0 {
            self.checked = Some(outcome);
            return;
        }
        let Some(open) = self.open.remove(&request) else { return };
        self.busy.remove(&open.client);
        self.keep_session(open.client, open.at);
        self.trace.sum(&[request.0, u64::from(matches!(outcome, Outcome::Failed(_)))]);
        self.history.answered(open.record, outcome, is_sloppy, self.setup);
        if let Some(meter) = &mut self.meter {
            meter.answered(self.history.record(open.record));
        }
        self.observe(&Observed::Answered { record: open.record });
    }

    /// Says whether a command is still to be answered.
    pub(crate) fn is_asked(&self) -> bool {
        !self.open.is_empty()
    }
}
