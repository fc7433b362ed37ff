//! A set of one actor's counters: everything up to a base, then sorted runs above it.
//!
//! Invariants: runs are non-empty, ascending, disjoint and not adjacent; the first starts above
//! `base + 1`. So equal sets have equal values, and a hole costs one run however wide it is.

/// A closed range of counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run {
    /// The first counter of the run.
    pub first: u64,
    /// The last counter of the run, not below the first.
    pub last: u64,
}

impl Run {
    /// Counts the counters in the run.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.last - self.first + 1
    }
}

/// A set of one actor's counters; counters start at 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counters {
    base: u64,
    runs: Vec<Run>,
}

impl Counters {
    /// Creates the set `1..=base`.
    #[must_use]
    pub const fn up_to(base: u64) -> Self {
        Self { base, runs: Vec::new() }
    }

    /// Adds one counter; says whether it was new.
    #[inline]
    pub fn insert(&mut self, counter: u64) -> bool {
        assert!(counter > 0, "counters start at 1");
        if counter == self.base + 1 {
            self.base = counter;
            self.absorb_first_runs();
            return true;
        }
        counter > self.base && self.insert_above_base(counter)
    }

    /// Adds every counter of a run.
    pub fn insert_run(&mut self, run: Run) {
        assert!(0 < run.first, "counters start at 1");
        assert!(run.first <= run.last, "a run is not empty");
        if run.first <= self.base + 1 {
            self.base = self.base.max(run.last);
        } else {
            self.merge_run(run);
        }
        self.absorb_first_runs();
    }

    /// Adds every counter of another set.
    pub fn union(&mut self, other: &Self) {
        self.base = self.base.max(other.base);
        for run in &other.runs {
            if run.last > self.base {
                self.insert_run(*run);
            }
        }
        self.absorb_first_runs();
    }

    /// Keeps only the counters that another set has too.
    pub fn intersect(&mut self, other: &Self) {
        let mut kept = Self::default();
        let mut theirs = other.spans().peekable();
        for mine in self.spans() {
            while let Some(their) = theirs.peek().copied() {
                let first = mine.first.max(their.first);
                let last = mine.last.min(their.last);
                if first <= last {
                    kept.insert_run(Run { first, last });
                }
                if their.last > mine.last {
                    break;
                }
                theirs.next();
            }
        }
        *self = kept;
    }

    /// Says whether the counter is in the set.
    #[inline]
    #[must_use]
    pub fn contains(&self, counter: u64) -> bool {
        if counter <= self.base {
            return counter > 0;
        }
        !self.runs.is_empty() && self.contains_in_runs(counter)
    }

    /// Says whether every counter of `other` is in the set.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.spans().all(|span| self.covers_run(span))
    }

    /// Returns the runs of counters that are here and not in `other`, ascending.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Vec<Run> {
        let mut missing = Vec::new();
        for span in self.spans() {
            let mut first = span.first;
            for their in other.spans() {
                if their.first > span.last {
                    break;
                }
                if their.last < first {
                    continue;
                }
                if their.first > first {
                    missing.push(Run { first, last: their.first - 1 });
                }
                first = their.last.saturating_add(1);
                if first > span.last {
                    break;
                }
            }
            if first <= span.last {
                missing.push(Run { first, last: span.last });
            }
        }
        missing
    }

    /// Returns the last counter up to which nothing is missing.
    #[must_use]
    pub const fn base(&self) -> u64 {
        self.base
    }

    /// Returns the runs above the base.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Returns the highest counter, 0 when there is none.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.runs.last().map_or(self.base, |run| run.last)
    }

    /// Counts the counters in the set.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.base + self.runs.iter().map(|run| run.count()).sum::<u64>()
    }

    /// Says whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.base == 0 && self.runs.is_empty()
    }

    /// Iterates over all maximal runs, the base included.
    pub fn spans(&self) -> impl Iterator<Item = Run> + '_ {
        let base = (self.base > 0).then_some(Run { first: 1, last: self.base });
        base.into_iter().chain(self.runs.iter().copied())
    }

    fn covers_run(&self, run: Run) -> bool {
        if run.last <= self.base {
            return true;
        }
        let at = self.runs.partition_point(|held| held.last < run.first);
        self.runs.get(at).is_some_and(|held| held.first <= run.first && run.last <= held.last)
    }

    fn contains_in_runs(&self, counter: u64) -> bool {
        let at = self.runs.partition_point(|run| run.last < counter);
        self.runs.get(at).is_some_and(|run| run.first <= counter)
    }

    fn insert_above_base(&mut self, counter: u64) -> bool {
        // Out of order, but most often at the very end: look there first.
        if let Some(last) = self.runs.last_mut()
            && last.last + 1 == counter
        {
            last.last = counter;
            return true;
        }
        if self.contains_in_runs(counter) {
            return false;
        }
        self.merge_run(Run { first: counter, last: counter });
        true
    }

    /// Puts a run that starts above `base + 1` in its place and joins what touches it.
    fn merge_run(&mut self, run: Run) {
        let from = self.runs.partition_point(|held| held.last < run.first - 1);
        let to = self.runs.partition_point(|held| held.first <= run.last.saturating_add(1));
        let mut merged = run;
        if let Some(touched) = self.runs.get(from..to)
            && let (Some(first), Some(last)) = (touched.first(), touched.last())
        {
            merged.first = merged.first.min(first.first);
            merged.last = merged.last.max(last.last);
        }
        self.runs.splice(from..to, [merged]);
    }

    fn absorb_first_runs(&mut self) {
        let absorbed = self.runs.iter().take_while(|run| run.first <= self.base + 1);
        let mut count = 0;
        let mut base = self.base;
        for run in absorbed {
            base = base.max(run.last);
            count += 1;
        }
        // A grown base may swallow runs that it did not touch at first.
        while let Some(run) = self.runs.get(count)
            && run.first <= base.saturating_add(1)
        {
            base = base.max(run.last);
            count += 1;
        }
        self.base = base;
        self.runs.drain(..count);
    }
}

#[cfg(test)]
mod tests;
