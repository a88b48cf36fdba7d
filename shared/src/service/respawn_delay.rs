//! The delay after which a worker that ended by itself is replaced.

use std::time::Duration;

use crate::error::{Error, Result};

/// The bounds of the delay.
#[derive(Debug, Clone, Copy)]
pub(super) struct DelayBounds {
    pub(super) min: Duration,
    /// The longest delay. A worker that lived longer than this resets the delay.
    pub(super) max: Duration,
}

impl Default for DelayBounds {
    fn default() -> Self {
        Self { min: Duration::from_millis(100), max: Duration::from_secs(5) }
    }
}

impl DelayBounds {
    /// Fails with [`Error::Config`] if the bounds make no sense.
    pub(super) fn check(self) -> Result<()> {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let Self { min, max } = self;
        if min.is_zero() || min > max || max > DAY {
            let text = format!(
                "respawn_throttle({min:?}, {max:?}) makes no sense: the shortest wait is more than 0 and not over the \
                 longest, which is a day at most"
            );
            return Err(Error::Config(text));
        }
        Ok(())
    }
}

/// The delay of the workers of one number: none for the first, then twice as long each time
/// (exponential backoff).
#[derive(Debug, Default)]
pub(super) struct RespawnDelay {
    next: Duration,
}

impl RespawnDelay {
    /// Returns the delay after a worker that lived for `lifetime`.
    pub(super) fn after_lifetime(&mut self, lifetime: Duration, bounds: DelayBounds) -> Duration {
        if lifetime > bounds.max {
            self.next = Duration::ZERO;
        }
        let delay = self.next;
        self.next = delay.saturating_mul(2).clamp(bounds.min, bounds.max);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_doubles_up_to_its_bound_and_is_reset_by_a_long_life() {
        let bounds = DelayBounds { min: Duration::from_secs(1), max: Duration::from_secs(5) };
        let mut delay = RespawnDelay::default();
        let mut after = |lifetime: u64| delay.after_lifetime(Duration::from_secs(lifetime), bounds).as_secs();
        assert_eq!([0, 0, 0, 0, 0, 5].map(&mut after), [0, 1, 2, 4, 5, 5]);
        assert_eq!([6, 0, 0].map(&mut after), [0, 1, 2]);
    }
}
