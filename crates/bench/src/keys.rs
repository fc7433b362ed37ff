//! Which key a request is about.

/// How keys are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Each as often as any other.
    Uniform,
    /// A few very often, most seldom (Zipf's law with exponent 0.99), spread over all keys.
    Zipfian,
    /// By the same law, the newest key most often.
    Latest,
}

/// The keys of a load: so many at first, more as some are inserted.
#[derive(Clone, Debug)]
pub struct Keys {
    choice: Choice,
    count: u64,
    zipf: Option<Zipf>,
}

impl Keys {
    /// Draws from `count` keys, of which there is at least one.
    #[must_use]
    pub fn new(choice: Choice, count: u64) -> Self {
        let count = count.max(1);
        let zipf = (choice != Choice::Uniform).then(|| Zipf::new(count));
        Self { choice, count, zipf }
    }

    /// How many there are at first.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Draws a key; `inserted` keys have come since the beginning.
    #[must_use]
    pub fn draw(&self, rng: &mut fastrand::Rng, inserted: u64) -> u64 {
        let Some(zipf) = &self.zipf else { return rng.u64(..self.count + inserted) };
        let rank = zipf.draw(rng.f64());
        match self.choice {
            Choice::Latest => (self.count + inserted - 1).saturating_sub(rank),
            // Neighbours in popularity are no neighbours as keys.
            _ => spread(rank) % self.count,
        }
    }
}

/// Draws ranks by Zipf's law, by the method of Gray and others (SIGMOD 1994).
#[derive(Clone, Debug)]
struct Zipf {
    count: f64,
    alpha: f64,
    zeta: f64,
    eta: f64,
}

const EXPONENT: f64 = 0.99;

impl Zipf {
    #[expect(clippy::cast_precision_loss, reason = "a count of keys, not its last digit")]
    fn new(count: u64) -> Self {
        let zeta = |count: u64| (1..=count).map(|rank| (rank as f64).powf(-EXPONENT)).sum::<f64>();
        let (all, two) = (zeta(count), zeta(2));
        let count = count as f64;
        let eta = (1.0 - (2.0 / count).powf(1.0 - EXPONENT)) / (1.0 - two / all);
        Self { count, alpha: 1.0 / (1.0 - EXPONENT), zeta: all, eta }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank below the count of keys"
    )]
    fn draw(&self, uniform: f64) -> u64 {
        let scaled = uniform * self.zeta;
        if scaled < 1.0 {
            return 0;
        }
        if scaled < 1.0 + 0.5f64.powf(EXPONENT) {
            return 1;
        }
        let rank = self.count * (self.eta * uniform - self.eta + 1.0).powf(self.alpha);
        (rank as u64).min(self.count as u64 - 1)
    }
}

/// A number far from those of its neighbours.
const fn spread(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often the most popular keys are drawn, of 100,000 times.
    fn shares(choice: Choice, count: u64) -> Vec<u64> {
        let keys = Keys::new(choice, count);
        let mut rng = fastrand::Rng::with_seed(7);
        let mut drawn = std::collections::BTreeMap::<u64, u64>::new();
        for _ in 0..100_000 {
            let key = keys.draw(&mut rng, 0);
            assert!(key < count);
            *drawn.entry(key).or_default() += 1;
        }
        let mut shares: Vec<u64> = drawn.into_values().collect();
        shares.sort_unstable_by(|a, b| b.cmp(a));
        shares
    }

    #[test]
    fn zipfian_keys_follow_the_law() {
        let shares = shares(Choice::Zipfian, 1000);
        // The sum over a thousand ranks is 7.73: the first has an eighth, the second half of that.
        assert!((12_400..13_500).contains(&shares[0]), "{}", shares[0]);
        assert!((6_000..7_200).contains(&shares[1]), "{}", shares[1]);
    }

    #[test]
    fn uniform_keys_are_alike() {
        let shares = shares(Choice::Uniform, 100);
        assert_eq!(shares.len(), 100);
        assert!(shares[0] < 1200 && shares[99] > 800, "{shares:?}");
    }

    #[test]
    fn the_latest_key_is_drawn_most_and_follows_insertions() {
        let keys = Keys::new(Choice::Latest, 1000);
        let mut rng = fastrand::Rng::with_seed(1);
        let newest = (0..10_000).filter(|_| keys.draw(&mut rng, 500) == 1499).count();
        assert!((1_100..1_500).contains(&newest), "{newest}");
    }

    #[test]
    fn one_key_is_enough() {
        for choice in [Choice::Uniform, Choice::Zipfian, Choice::Latest] {
            assert_eq!(Keys::new(choice, 0).draw(&mut fastrand::Rng::with_seed(1), 0), 0);
        }
    }
}
