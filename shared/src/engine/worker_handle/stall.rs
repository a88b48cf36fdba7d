//! How long a worker has made no progress: what neither a result nor a report shows.

use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::engine::worker_handle::WorkerHandle;

/// Time between two observations of a worker, in nanoseconds: seldom enough to cost nothing, often
/// enough for a call that waits for such a worker.
pub(in crate::engine) const OBSERVATION_PERIOD: u64 = 500_000_000;

/// What was last seen of a worker.
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

/// A worker's condition when it was observed, in nanoseconds.
pub(in crate::engine) struct Observation {
    /// The time for which the zygote has owed a report about it: of its start, or of its end.
    pub(in crate::engine) report_late: u64,
    /// The time for which it has made no progress.
    pub(in crate::engine) quiet: u64,
    /// It has been asleep for two observations, with everything taken that it was sent, and results
    /// to come: what it wrote is not what was to be written, or its records were garbled.
    pub(in crate::engine) confused: bool,
}

impl WorkerHandle {
    /// Returns `true` if something is awaited of it that may never come.
    pub(in crate::engine) fn is_awaited(&self) -> bool {
        self.has_work() || self.pid == 0 || self.is_killed()
    }

    /// Observes the worker, and wakes it if it has made no progress for long.
    pub(in crate::engine) fn observe(&mut self, now: u64) -> Observation {
        let report_late = self.report_late(now);
        let quiet = self.quiet_for(now);
        let confused = self.is_confused(quiet);
        if quiet >= OBSERVATION_PERIOD {
            // If its words are garbled, it may sleep although there is something for it.
            self.header().force_wake_worker();
        }
        Observation { report_late, quiet, confused }
    }

    fn quiet_for(&mut self, now: u64) -> u64 {
        let seen = (self.started(), self.finished, self.tasks_taken());
        if self.stall.seen != seen || self.in_flight.is_empty() {
            (self.stall.seen, self.stall.since) = (seen, now);
        }
        now.saturating_sub(self.stall.since)
    }

    fn is_confused(&mut self, quiet: u64) -> bool {
        let idle = self.has_work() && !self.is_sending() && self.has_taken_all() && self.header().worker_sleeps();
        let before = std::mem::replace(&mut self.stall.confused, idle);
        before && idle && quiet >= OBSERVATION_PERIOD
    }

    fn report_late(&mut self, now: u64) -> u64 {
        let ended = || {
            let mut socket = [PollFd::new(self.socket.as_fd(), PollFlags::empty())];
            poll(&mut socket, PollTimeout::ZERO).is_ok_and(|ended| ended > 0)
        };
        let due = self.pid == 0 || self.is_killed() || ended();
        let since = if due { Some(self.stall.report_due.unwrap_or(now)) } else { None };
        self.stall.report_due = since;
        since.map_or(0, |since| now.saturating_sub(since))
    }
}
