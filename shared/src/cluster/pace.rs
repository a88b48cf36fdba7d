//! How long to sleep between two looks for messages.
//!
//! Nothing wakes a thread when a message comes: MPI's waiting calls spin instead. So one looks
//! often while messages come and go, and ever more seldom the longer nothing has come.

use std::time::{Duration, Instant};

use nix::sys::prctl;

/// The shortest sleep.
const SHORTEST: Duration = Duration::from_micros(20);

/// A sleep is this part of the time for which nothing has come: what is waited for comes late by as
/// much at most.
const PART: u32 = 8;

/// The longest sleep, and that after a while in which there was nothing to do: a first task waits
/// half of it on average. A look took 40 µs of CPU where this was measured (two virtual CPUs,
/// sixteen ranks, Open MPI 4.1.4), so that sixteen ranks that do nothing take 3 % of one.
const LONGEST: Duration = Duration::from_millis(5);
const DOZING: Duration = Duration::from_millis(20);

/// That while.
const A_WHILE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Pace(Instant);

impl Pace {
    /// For the calling thread, whose sleeps are exact from now on: by default the kernel adds up to
    /// 50 µs to each.
    pub(super) fn new() -> Self {
        // Without it the sleeps are longer, and nothing is wrong.
        let _ = prctl::set_timerslack(1);
        Self(Instant::now())
    }

    /// Something came.
    pub(super) fn moved(&mut self) {
        self.0 = Instant::now();
    }

    /// Nothing came: how long to sleep. `busy` says that tasks run.
    pub(super) fn nap(&self, busy: bool) -> Duration {
        let elapsed = self.0.elapsed();
        let longest = if busy || elapsed < A_WHILE { LONGEST } else { DOZING };
        (elapsed / PART).clamp(SHORTEST, longest)
    }
}
