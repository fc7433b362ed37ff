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
        for _ in 0..5 {
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
            for _ in 0..8 {
                self.seal_some()?;
            }
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
