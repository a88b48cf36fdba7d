//! Times in which the program itself stood still, as after Ctrl-Z: they do not count against time
//! limits.
//!
//! A process that is stopped cannot tell, but it wakes up later than it meant to. So while limits
//! matter, whoever drives the pool sleeps for a short time at most, and what a sleep has taken
//! beyond that was a pause. (On a machine that is that busy, tasks had no CPU either.)

use std::collections::VecDeque;
use std::time::Duration;

use crate::engine::core::Core;

/// The longest sleep while a task runs that has a time limit.
const SLICE: Duration = Duration::from_millis(100);

/// A sleep that took this much longer than it should have (nanoseconds) was no pause.
const LATE: u64 = 50_000_000;

/// Pauses that are told apart. A task that has seen more is given the time between some of them,
/// too.
const MOST: usize = 1000;

/// The pauses so far, as far as they may matter.
#[derive(Debug, Default)]
pub(super) struct Pauses(VecDeque<Pause>);

#[derive(Debug, Clone, Copy)]
struct Pause {
    begin: u64,
    end: u64,
}

impl Pauses {
    /// Notes that a sleep that was to last until `until` has ended just now (nanoseconds of the
    /// common clock).
    fn woke(&mut self, until: u64, now: u64) {
        if now.saturating_sub(until) < LATE {
            return;
        }
        if self.0.len() == MOST
            && let Some(first) = self.0.pop_front()
            && let Some(second) = self.0.front_mut()
        {
            second.begin = first.begin;
        }
        self.0.push_back(Pause { begin: until, end: now });
    }

    /// How much of the time since `start` was pause, in nanoseconds.
    pub(super) fn since(&self, start: u64) -> u64 {
        let later = self.0.iter().rev().take_while(|pause| pause.end > start);
        later.map(|pause| pause.end - pause.begin.max(start)).sum()
    }
}

impl Core {
    /// How long whoever drives the pool may sleep at most, now that some task may run.
    pub(super) fn longest_sleep(&self) -> Option<Duration> {
        let limited = self.config.task_limit().is_some() && self.living().any(|link| !link.in_flight.is_empty());
        limited.then_some(SLICE)
    }

    /// Notes when a sleep has ended that was to last `time`, from `slept` on.
    pub(super) fn woke(&mut self, slept: u64, time: Option<Duration>, now: u64) {
        if let Some(time) = time.filter(|_| self.config.task_limit().is_some()) {
            self.pauses.woke(slept.saturating_add(time.as_nanos() as u64), now);
        }
    }

    /// For how long something has gone on that began at `start`, pauses left out, in nanoseconds.
    pub(super) fn elapsed(&self, start: u64, now: u64) -> u64 {
        now.saturating_sub(start).saturating_sub(self.pauses.since(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn only_the_part_of_a_pause_after_the_start_counts() {
        let mut pauses = Pauses::default();
        pauses.woke(SECOND, SECOND + LATE / 2);
        assert_eq!(pauses.since(0), 0, "that was no pause");
        pauses.woke(2 * SECOND, 5 * SECOND);
        pauses.woke(7 * SECOND, 8 * SECOND);
        assert_eq!(pauses.since(0), 4 * SECOND);
        assert_eq!(pauses.since(4 * SECOND), 2 * SECOND);
        assert_eq!(pauses.since(9 * SECOND), 0);
    }

    #[test]
    fn the_oldest_of_many_pauses_become_one() {
        let mut pauses = Pauses::default();
        for n in 0..2 * MOST as u64 {
            pauses.woke(2 * n * SECOND, (2 * n + 1) * SECOND);
        }
        assert_eq!(pauses.0.len(), MOST);
        assert!(pauses.since(0) >= 2 * MOST as u64 * SECOND);
        assert_eq!(pauses.since(2 * (2 * MOST as u64 - 1) * SECOND), SECOND);
    }
}
