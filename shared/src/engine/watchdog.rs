//! The watchdog: when to look for what takes too long
//! ([`time_limits`](crate::engine::time_limits)), and what is known about it: since when a worker
//! makes no progress, and the times in which the program itself stood still, as after Ctrl-Z, which
//! do not count.

use std::collections::VecDeque;
use std::time::Duration;

/// Steps between two looks at what needs a system call or the clock.
const PERIOD: u32 = 64;

/// When to look at what, and how long the program stood still.
#[derive(Default)]
pub(super) struct Watchdog {
    pauses: Pauses,
    /// When to look next for workers that make no progress (nanoseconds of the common clock).
    liveness_due: u64,
    steps: u32,
}

impl Watchdog {
    /// Counts a step. Returns `true` every now and then, when more is to be done than to move
    /// results and tasks.
    pub(super) fn count_step(&mut self) -> bool {
        self.steps = self.steps.wrapping_add(1);
        self.steps.is_multiple_of(PERIOD)
    }

    /// Returns `true` if it is time to look for workers that make no progress, and sets the next
    /// time.
    pub(super) fn take_liveness_due(&mut self, now: u64, period: u64) -> bool {
        let due = now >= self.liveness_due;
        if due {
            self.liveness_due = now + period;
        }
        due
    }

    /// Returns when to look next for workers that make no progress.
    pub(super) fn liveness_due(&self) -> u64 {
        self.liveness_due
    }

    /// Records that there are time limits from `now` on: what was before is no pause.
    pub(super) fn on_limits_begin(&mut self, now: u64) {
        self.pauses.looked = now;
    }

    /// Records that time limits are looked at.
    pub(super) fn on_limits_look(&mut self, now: u64) {
        self.pauses.looks(now);
    }

    /// Records that a sleep has ended that was to last `time`, from `slept` on, while there are
    /// time limits.
    pub(super) fn woke(&mut self, slept: u64, time: Option<Duration>, now: u64) {
        // A sleep without an end is one in which no task runs.
        let until = time.map_or(now, |time| slept.saturating_add(time.as_nanos() as u64));
        self.pauses.woke(slept, until, now);
    }

    /// Returns for how long something has gone on that began at `start`, pauses left out, in
    /// nanoseconds.
    pub(super) fn elapsed(&self, start: u64, now: u64) -> u64 {
        now.saturating_sub(start).saturating_sub(self.pauses.since(start))
    }

    /// Returns when `limit` nanoseconds will have passed since `start`, pauses so far left out.
    pub(super) fn limit_reached_at(&self, start: u64, limit: u64) -> u64 {
        start.saturating_add(self.pauses.since(start)).saturating_add(limit)
    }
}

/// A sleep that took this much longer than it should have (nanoseconds) was no pause.
const LATE: u64 = 50_000_000;

/// A time awake between two looks at the limits (nanoseconds) that was no pause. Much longer than
/// what there is to do between them, since it is taken off the time that tasks have used.
const AWAKE: u64 = 250_000_000;

/// The number of pauses that are kept apart. A task that has seen more is given the time between
/// some of them, too.
const MAX_PAUSES: usize = 1000;

/// The times in which the program itself stood still, as far as they may matter.
///
/// A process is not informed that it was stopped, but it wakes up later than it should. So while
/// limits matter, the thread that drives the pool sleeps for a short time at most, and what a sleep
/// has taken beyond that was a pause. So was a long time between two looks without a sleep: the
/// stop came while the thread was awake. (On a machine that is that busy, tasks had no CPU either.)
#[derive(Debug, Default)]
struct Pauses {
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
    fn woke(&mut self, slept: u64, until: u64, now: u64) {
        self.looks(slept);
        self.looked = now;
        if now.saturating_sub(until) >= LATE {
            self.add(until, now);
        }
    }

    /// Records that limits are looked at.
    fn looks(&mut self, now: u64) {
        let before = std::mem::replace(&mut self.looked, now);
        if before > 0 && now.saturating_sub(before) >= AWAKE {
            self.add(before, now);
        }
    }

    fn add(&mut self, begin: u64, end: u64) {
        if self.pauses.len() == MAX_PAUSES
            && let Some(first) = self.pauses.pop_front()
            && let Some(second) = self.pauses.front_mut()
        {
            second.begin = first.begin;
        }
        self.pauses.push_back(Pause { begin, end });
    }

    /// Returns how much of the time since `start` was pause, in nanoseconds.
    fn since(&self, start: u64) -> u64 {
        let later = self.pauses.iter().rev().take_while(|pause| pause.end > start);
        later.map(|pause| pause.end - pause.begin.max(start)).sum()
    }
}

/// What was last seen of a worker: for how long it has made no progress.
#[derive(Debug, Default)]
pub(super) struct Stall {
    /// Tasks begun, results received, bytes of the task ring taken.
    seen: (u64, u64, u64),
    /// Since when (nanoseconds of the common clock) that is so.
    since: u64,
    /// It slept with nothing left to do while results were to come.
    confused: bool,
    /// Since when the zygote owes a report about it.
    report_due: Option<u64>,
}

impl Stall {
    /// Records how far a worker is, and whether it has anything to do. Returns for how long that
    /// has been so.
    pub(super) fn quiet_for(&mut self, seen: (u64, u64, u64), has_work: bool, now: u64) -> u64 {
        if self.seen != seen || !has_work {
            (self.seen, self.since) = (seen, now);
        }
        now.saturating_sub(self.since)
    }

    /// Records whether a worker sleeps with nothing left to do while results are to come. Returns
    /// `true` if it does, and did the last time.
    pub(super) fn stays_confused(&mut self, confused: bool) -> bool {
        std::mem::replace(&mut self.confused, confused) && confused
    }

    /// Records whether the zygote owes a report about a worker. Returns for how long it has.
    pub(super) fn report_late(&mut self, due: bool, now: u64) -> u64 {
        self.report_due = due.then(|| self.report_due.unwrap_or(now));
        self.report_due.map_or(0, |since| now.saturating_sub(since))
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
        for n in 0..2 * MAX_PAUSES as u64 {
            pauses.woke(2 * n * SECOND, 2 * n * SECOND, (2 * n + 1) * SECOND);
        }
        assert_eq!(pauses.pauses.len(), MAX_PAUSES);
        assert!(pauses.since(0) >= 2 * MAX_PAUSES as u64 * SECOND);
        assert_eq!(pauses.since(2 * (2 * MAX_PAUSES as u64 - 1) * SECOND), SECOND);
    }
}
