//! Looks at the world from outside: whether all owners are equal, and how things stand.

use std::collections::{BTreeMap, BTreeSet};

use storage::FlushPolicy;

use crate::measures::Meter;
use crate::observed::Observed;
use crate::world::{Due, START, World};

/// How many times it is taken down how things stand.
const SAMPLE_COUNT: u64 = 200;

impl World<'_> {
    /// Measures from now on.
    pub(crate) fn measure(&mut self) {
        let mut owners: BTreeMap<u16, BTreeSet<usize>> = BTreeMap::new();
        for (at, machine) in self.machines.iter().enumerate() {
            let summaries = machine.process.iter().flat_map(node::Node::shard_summaries);
            for (shard, _) in summaries {
                owners.entry(shard).or_default().insert(at);
            }
        }
        self.meter = Some(Meter::new(owners, self.setup.exchange_interval_ms));
        self.sample();
    }

    pub(crate) fn sample(&mut self) {
        if let Some(meter) = &mut self.meter {
            meter.sample(self.now.0 - START.0);
            self.after((self.setup.duration_ms / SAMPLE_COUNT).max(1), Due::Sample);
        }
    }

    /// Notes when all owners are equal and have flushed.
    pub(crate) fn survey(&mut self) {
        if !crate::check::is_converged(self) {
            return;
        }
        let count = self.history.records().len();
        let (since, known) = *self.equal_since.get_or_insert((self.now, count));
        let is_flushed = match self.setup.flush {
            FlushPolicy::Always => true,
            FlushPolicy::Interval(span) => {
                self.now.0 - since.0 > span.0 + 2 * self.setup.exchange_interval_ms
            }
            FlushPolicy::Os => false,
        };
        if is_flushed {
            self.history.settle(known, self.setup);
            self.equal_since = None;
            self.observe(&Observed::Settled);
        }
    }
}
