//! Shrinking: the same failure with fewer steps, found by leaving out ever smaller parts.

use crate::plan::{Act, Plan};
use crate::run::{Violation, carry_out};

/// Leaves out what the failure does not need; at most so many runs are spent on it.
#[must_use]
pub fn shrink(plan: &Plan, violation: &Violation, runs_max: u32) -> (Plan, Violation) {
    let mut shrinking =
        Shrinking { plan: plan.clone(), violation: violation.clone(), runs_left: runs_max };
    shrinking.drop_what_came_after();
    shrinking.drop_clients();
    let mut size = shrinking.plan.steps.len() / 2;
    while size > 0 {
        shrinking.drop_runs_of(size);
        size /= 2;
    }
    (shrinking.plan, shrinking.violation)
}

struct Shrinking {
    plan: Plan,
    violation: Violation,
    runs_left: u32,
}

impl Shrinking {
    /// Takes a smaller plan if it breaks the same promise.
    fn offer(&mut self, plan: Plan) -> bool {
        if self.runs_left == 0 || plan.steps.len() == self.plan.steps.len() {
            return false;
        }
        self.runs_left -= 1;
        match carry_out(&plan) {
            Err(violation) if violation.checker == self.violation.checker => {
                self.violation = violation;
                self.plan = plan;
                true
            }
            _ => false,
        }
    }

    fn drop_what_came_after(&mut self) {
        let mut plan = self.plan.clone();
        plan.steps.retain(|step| step.at_ms <= self.violation.at_ms);
        self.offer(plan);
    }

    fn drop_clients(&mut self) {
        for client in 0..self.plan.setup.clients {
            let mut plan = self.plan.clone();
            plan.steps.retain(|step| match step.act {
                Act::Ask { client: asking, .. } => asking != client,
                Act::Strike(_) => true,
            });
            self.offer(plan);
        }
    }

    fn drop_runs_of(&mut self, size: usize) {
        let mut first = 0;
        while first < self.plan.steps.len() {
            let mut plan = self.plan.clone();
            let last = (first + size).min(plan.steps.len());
            plan.steps.drain(first..last);
            if !self.offer(plan) {
                first += size;
            }
        }
    }
}
