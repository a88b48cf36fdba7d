//! The time between two looks for messages.
//!
//! Nothing wakes a thread when a message comes: MPI's waiting calls spin instead. So a thread looks
//! often while messages come and go, and ever more seldom the longer nothing has come.

use std::time::{Duration, Instant};

use nix::sys::prctl;

/// The shortest sleep.
const MIN: Duration = Duration::from_micros(20);

/// The ratio of the time for which nothing has come to a sleep: what is waited for comes late by
/// this part of it at most.
const RATIO: u32 = 8;

/// The longest sleep, and that after [`IDLE_AFTER`] without anything to do: a first task waits half
/// of it on average. A look took 40 µs of CPU where this was measured (two virtual CPUs, sixteen
/// ranks, Open MPI 4.1.4), so that sixteen ranks that do nothing take 3 % of one.
const MAX: Duration = Duration::from_millis(5);
const MAX_IDLE: Duration = Duration::from_millis(20);
const IDLE_AFTER: Duration = Duration::from_secs(1);

/// The time between two looks, which grows with the time since the last message.
#[derive(Debug)]
pub(super) struct PollInterval {
    last_activity: Instant,
}

impl PollInterval {
    /// Returns the interval of the calling thread, whose sleeps are exact from now on: by default
    /// the kernel adds up to 50 µs to each.
    pub(super) fn new() -> Self {
        // Without it the sleeps are longer, and nothing is wrong.
        let _ = prctl::set_timerslack(1);
        Self { last_activity: Instant::now() }
    }

    /// Records that something came or went.
    pub(super) fn reset(&mut self) {
        self.last_activity = Instant::now();
    }

    /// Returns the time to sleep now. `busy` is whether tasks run.
    pub(super) fn sleep_time(&self, busy: bool) -> Duration {
        let elapsed = self.last_activity.elapsed();
        let max = if busy || elapsed < IDLE_AFTER { MAX } else { MAX_IDLE };
        (elapsed / RATIO).clamp(MIN, max)
    }
}
