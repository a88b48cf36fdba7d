//! How soon a worker that died is replaced.

use std::time::Duration;

/// Bounds of the wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) shortest: Duration,
    /// The longest wait; a worker that lived longer than this was well.
    pub(super) longest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { shortest: Duration::from_millis(100), longest: Duration::from_secs(5) }
    }
}

/// The deaths of the workers of one number: none to wait for the first, then twice as long each
/// time.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    next: Duration,
}

impl Throttle {
    /// A worker died after it had lived so long. Says how long its replacement has to wait.
    pub(super) fn wait_after(&mut self, lived: Duration, pace: Pace) -> Duration {
        if lived > pace.longest {
            self.next = Duration::ZERO;
        }
        let wait = self.next;
        self.next = wait.saturating_mul(2).clamp(pace.shortest, pace.longest);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_with_each_early_death_up_to_a_bound_and_begins_anew_after_a_long_life() {
        let pace = Pace { shortest: Duration::from_secs(1), longest: Duration::from_secs(5) };
        let mut throttle = Throttle::default();
        let waits =
            |throttle: &mut Throttle, lived: u64| throttle.wait_after(Duration::from_secs(lived), pace).as_secs();
        assert_eq!([0, 0, 0, 0, 0, 5].map(|lived| waits(&mut throttle, lived)), [0, 1, 2, 4, 5, 5]);
        assert_eq!([6, 0, 0].map(|lived| waits(&mut throttle, lived)), [0, 1, 2]);
    }
}
