//! The four ways in which commands say when a key expires.

use causality::Millis;

use crate::refusal::Refusal;
use crate::turn::is_word;

/// What a number in a command counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Millis,
}

/// What a number in a command counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    /// From now.
    Now,
    /// From the Unix epoch.
    Epoch,
}

/// A way of giving a moment as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeForm {
    pub(crate) unit: Unit,
    pub(crate) basis: Basis,
}

impl TimeForm {
    /// `EX`, `EXPIRE`, `TTL`.
    pub(crate) const SECONDS: Self = Self { unit: Unit::Seconds, basis: Basis::Now };
    /// `PX`, `PEXPIRE`, `PTTL`.
    pub(crate) const MILLIS: Self = Self { unit: Unit::Millis, basis: Basis::Now };
    /// `EXAT`, `EXPIREAT`, `EXPIRETIME`.
    pub(crate) const UNIX_SECONDS: Self = Self { unit: Unit::Seconds, basis: Basis::Epoch };
    /// `PXAT`, `PEXPIREAT`, `PEXPIRETIME`.
    pub(crate) const UNIX_MILLIS: Self = Self { unit: Unit::Millis, basis: Basis::Epoch };

    /// Returns the form that an option names.
    pub(crate) fn named(word: &[u8]) -> Option<Self> {
        let forms = [
            ("ex", Self::SECONDS),
            ("px", Self::MILLIS),
            ("exat", Self::UNIX_SECONDS),
            ("pxat", Self::UNIX_MILLIS),
        ];
        forms.into_iter().find(|(name, _)| is_word(word, name)).map(|(_, form)| form)
    }

    /// Reads a moment; one before the epoch is the epoch, which is past as well.
    pub(crate) fn moment(self, amount: i64, now: Millis) -> Result<Millis, Refusal> {
        let millis = match self.unit {
            Unit::Seconds => amount.checked_mul(1000),
            Unit::Millis => Some(amount),
        };
        let base = match self.basis {
            Basis::Now => i64::try_from(now.0).unwrap_or(i64::MAX),
            Basis::Epoch => 0,
        };
        let moment = millis.and_then(|millis| millis.checked_add(base));
        let moment = moment.ok_or(Refusal::InvalidExpire)?;
        Ok(Millis(u64::try_from(moment).unwrap_or(0)))
    }

    /// Reads a moment that has to lie ahead of its basis, as `SET` wants it.
    pub(crate) fn moment_ahead(self, amount: i64, now: Millis) -> Result<Millis, Refusal> {
        if amount <= 0 {
            return Err(Refusal::InvalidExpire);
        }
        self.moment(amount, now)
    }

    /// Says a moment in this form: seconds are rounded, time that has run out is 0.
    pub(crate) fn say(self, moment: Millis, now: Millis) -> i64 {
        let millis = match self.basis {
            Basis::Now => moment.minus(now.0),
            Basis::Epoch => moment,
        };
        let amount = match self.unit {
            Unit::Seconds => millis.plus(500).0 / 1000,
            Unit::Millis => millis.0,
        };
        i64::try_from(amount).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_700_000_000_000);

    #[test]
    fn moments_and_words_for_them_agree() {
        for form in
            [TimeForm::SECONDS, TimeForm::MILLIS, TimeForm::UNIX_SECONDS, TimeForm::UNIX_MILLIS]
        {
            for amount in [1, 7, 2_000_000_000] {
                let moment = form.moment_ahead(amount, NOW).unwrap();
                let said = form.say(moment, NOW);
                assert_eq!(said, amount, "{form:?}");
            }
        }
        assert_eq!(TimeForm::SECONDS.moment(3, NOW), Ok(NOW.plus(3000)));
        assert_eq!(TimeForm::SECONDS.say(NOW.plus(1499), NOW), 1);
        assert_eq!(TimeForm::SECONDS.say(NOW.plus(1500), NOW), 2);
        assert_eq!(TimeForm::MILLIS.say(NOW.minus(1), NOW), 0);
    }

    #[test]
    fn what_no_clock_can_show_is_refused() {
        let refused = Err(Refusal::InvalidExpire);
        assert_eq!(TimeForm::SECONDS.moment(i64::MAX / 1000 + 1, NOW), refused);
        assert_eq!(TimeForm::SECONDS.moment(i64::MIN / 1000 - 1, NOW), refused);
        assert_eq!(TimeForm::MILLIS.moment(i64::MAX, NOW), refused);
        assert_eq!(TimeForm::UNIX_MILLIS.moment_ahead(0, NOW), refused);
        assert_eq!(TimeForm::UNIX_MILLIS.moment(i64::MAX, NOW), Ok(Millis(i64::MAX as u64)));
        assert_eq!(TimeForm::UNIX_SECONDS.moment(-1, NOW), Ok(Millis(0)));
    }
}
