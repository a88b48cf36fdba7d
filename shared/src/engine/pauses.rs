//! Times in which the program itself stood still, as after Ctrl-Z: they do not count against time
//! limits.
//!
//! A process is not informed that it was stopped, but it wakes up later than it should. So while
//! limits matter, the thread that drives the pool sleeps for a short time at most, and what a sleep
//! has taken beyond that was a pause. So was a long time between two looks without a sleep: the
//! stop came while the thread was awake. (On a machine that is that busy, tasks had no CPU either.)

use std::collections::VecDeque;

/// A sleep that took this much longer than it should have (nanoseconds) was no pause.
const LATE: u64 = 50_000_000;

/// A time awake between two looks at the limits (nanoseconds) that was no pause. Much longer than
/// what there is to do between them, since it is taken off the time that tasks have used.
const AWAKE: u64 = 250_000_000;

/// The number of pauses that are kept apart. A task that has seen more is given the time between
/// some of them, too.
const MAX: usize = 1000;

/// The pauses so far, as far as they may matter.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    pauses: VecDeque<Pause>,
    /// When the latest sleep ended, or limits were last looked at.
    looked: u64,
}

#[derive(Debug, Clone, Copy)]
struct Pause {
    begin: u64,
    end: u64,
}

impl Pauses {
    /// Records that a sleep that began at `slept` and was to last until `until` has ended at `now`
    /// (nanoseconds of the common clock).
    pub(super) fn woke(&mut self, slept: u64, until: u64, now: u64) {
        self.looks(slept);
        self.looked = now;
        if now.saturating_sub(until) >= LATE {
            self.add(until, now);
        }
    }

    /// Records that limits are looked at.
    pub(super) fn looks(&mut self, now: u64) {
        let before = std::mem::replace(&mut self.looked, now);
        if before > 0 && now.saturating_sub(before) >= AWAKE {
            self.add(before, now);
        }
    }

    fn add(&mut self, begin: u64, end: u64) {
        if self.pauses.len() == MAX
            && let Some(first) = self.pauses.pop_front()
            && let Some(second) = self.pauses.front_mut()
        {
            second.begin = first.begin;
        }
        self.pauses.push_back(Pause { begin, end });
    }

    /// Returns how much of the time since `start` was pause, in nanoseconds.
    pub(super) fn since(&self, start: u64) -> u64 {
        let later = self.pauses.iter().rev().take_while(|pause| pause.end > start);
        later.map(|pause| pause.end - pause.begin.max(start)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn only_the_part_of_a_pause_after_the_start_counts() {
        let mut pauses = Pauses::default();
        pauses.woke(SECOND, SECOND, SECOND + LATE / 2);
        assert_eq!(pauses.since(0), 0, "that was no pause");
        pauses.woke(SECOND + LATE, 2 * SECOND, 5 * SECOND);
        pauses.woke(5 * SECOND, 7 * SECOND, 8 * SECOND);
        assert_eq!(pauses.since(0), 4 * SECOND);
        assert_eq!(pauses.since(4 * SECOND), 2 * SECOND);
        assert_eq!(pauses.since(9 * SECOND), 0);
    }

    #[test]
    fn stop_while_awake_is_a_pause() {
        let mut pauses = Pauses::default();
        pauses.looks(9 * SECOND);
        assert_eq!(pauses.since(0), 0, "nothing is known of the time before");
        pauses.looks(9 * SECOND + AWAKE / 2);
        pauses.looks(9 * SECOND + AWAKE);
        assert_eq!(pauses.since(0), 0, "that was work");
        pauses.looks(12 * SECOND);
        assert_eq!(pauses.since(0), 3 * SECOND - AWAKE);
        pauses.woke(12 * SECOND, 13 * SECOND, 13 * SECOND);
        pauses.looks(15 * SECOND);
        assert_eq!(pauses.since(12 * SECOND), 2 * SECOND);
        pauses.woke(18 * SECOND, 18 * SECOND, 18 * SECOND);
        assert_eq!(pauses.since(15 * SECOND), 3 * SECOND, "it came before the sleep");
    }

    #[test]
    fn the_oldest_of_many_pauses_become_one() {
        let mut pauses = Pauses::default();
        for n in 0..2 * MAX as u64 {
            pauses.woke(2 * n * SECOND, 2 * n * SECOND, (2 * n + 1) * SECOND);
        }
        assert_eq!(pauses.pauses.len(), MAX);
        assert!(pauses.since(0) >= 2 * MAX as u64 * SECOND);
        assert_eq!(pauses.since(2 * (2 * MAX as u64 - 1) * SECOND), SECOND);
    }
}
