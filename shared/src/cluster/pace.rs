//! How long to sleep between two looks for messages.
//!
//! Nothing wakes a thread when a message comes: MPI's waiting calls spin instead. So one looks often while messages come and go, less
//! often while tasks run, and seldom when there is nothing to do.

use std::time::{Duration, Instant};

/// The first sleep after something moved.
const SHORT: Duration = Duration::from_micros(20);

/// The longest sleep while tasks run.
const BUSY: Duration = Duration::from_millis(1);

/// The longest sleep while there is nothing to do: a first task waits half of it on average, and sixteen ranks that do nothing take some
/// hundredths of a CPU.
const IDLE: Duration = Duration::from_millis(5);

/// For how long there must have been nothing to do.
const SETTLED: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Pace {
    nap: Duration,
    moved: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { nap: SHORT, moved: Instant::now() }
    }

    /// Something moved.
    pub(super) fn moved(&mut self) {
        *self = Self::new();
    }

    /// Nothing moved: how long to sleep. `busy` says that tasks run.
    pub(super) fn nap(&mut self, busy: bool) -> Duration {
        let most = if busy || self.moved.elapsed() < SETTLED { BUSY } else { IDLE };
        let nap = self.nap.min(most);
        self.nap = nap + nap / 2;
        nap
    }
}
