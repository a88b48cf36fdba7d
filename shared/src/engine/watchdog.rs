//! The watchdog: when to look at what takes too long
//! ([`time_limits`](crate::engine::time_limits)) and at workers that make no progress
//! ([`liveness`](crate::engine::liveness)). Times in which the program itself stood still do not
//! count.

use std::time::Duration;

use crate::engine::config::Config;
use crate::engine::pauses::Pauses;

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

    /// Records that time limits are looked at.
    pub(super) fn on_limits_look(&mut self, now: u64) {
        self.pauses.looks(now);
    }

    /// Records that a sleep has ended that was to last `time`, from `slept` on.
    pub(super) fn woke(&mut self, config: &Config, slept: u64, time: Option<Duration>, now: u64) {
        if config.task_limit().is_some() {
            // A sleep without an end is one in which no task runs.
            let until = time.map_or(now, |time| slept.saturating_add(time.as_nanos() as u64));
            self.pauses.woke(slept, until, now);
        }
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
