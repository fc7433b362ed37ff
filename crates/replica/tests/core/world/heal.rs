//! The end of every run: no more faults, everyone talks to everyone until nothing is missing.

use replica::Condition;

use super::{Found, World};

impl World {
    /// Heals the world; afterwards all live replicas must agree with each other and the truth.
    pub fn heal(&mut self) -> Found {
        while !self.takings.is_empty() {
            self.drop_taking(0);
        }
        self.now = self.now.plus(1_000_000);
        let alive = self.alive();
        for at in &alive {
            if self.profile.lossy {
                self.scrub_node(*at)?;
            }
        }
        for round in 0.. {
            if round >= 4 && !self.is_anyone_frozen() {
                break;
            }
            if round > 60 {
                let frozen = |at: usize| {
                    let replica = &self.nodes[at].replica;
                    (at, replica.actor(), replica.frozen_actors().collect::<Vec<_>>())
                };
                let frozen: Vec<_> = self.alive().into_iter().map(frozen).collect();
                return Err(format!("actors stay frozen for ever: {frozen:?}"));
            }
            for taker in &alive {
                for giver in &alive {
                    if taker != giver && self.exchange(*taker, *giver, false)? {
                        self.take_whole_state(*taker, *giver)?;
                    }
                }
            }
            if self.profile.lossy {
                self.verify_all(&alive)?;
            }
            // Rounds that were cut short leave actors frozen; the next leader ends them.
            self.seal_some()?;
        }
        let horizon_clock = self.now;
        for at in &alive {
            let node = &mut self.nodes[*at];
            let done = node.replica.expire(&mut node.store, horizon_clock);
            done.map_err(|error| format!("expire: {error}"))?;
            node.replica.retire_clears();
        }
        Ok(())
    }

    fn is_anyone_frozen(&self) -> bool {
        let frozen = |at: &usize| self.nodes[*at].replica.frozen_actors().next().is_some();
        self.alive().iter().any(frozen)
    }

    fn verify_all(&mut self, alive: &[usize]) -> Found {
        for giver in alive {
            for taker in alive {
                if giver != taker {
                    self.verify(*giver, *taker)?;
                }
            }
        }
        Ok(())
    }

    fn take_whole_state(&mut self, taker: usize, giver: usize) -> Found {
        self.begin_taking(taker, giver)?;
        while !self.takings.is_empty() {
            self.continue_taking(0, 1 << 20)?;
        }
        if self.nodes[taker].replica.condition() == Condition::Fetching {
            return Err("a taking ended without an end".into());
        }
        Ok(())
    }
}
