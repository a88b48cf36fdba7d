//! Workers that could not be started: when to try again, and when to give up.

use std::time::{Duration, Instant};

use crate::error::Error;

/// Workers that may fail one after the other to get ready before the pool gives up.
const MAX_FAILURES: u32 = 10;

/// Time before the next try when the system has refused a process.
const DELAY: Duration = Duration::from_millis(100);

/// The failures to start a worker since one was last known to work.
///
/// The count goes back to zero with the first result or orderly start of a worker that is younger
/// than the last that failed: an older one that still works proves nothing.
#[derive(Default)]
pub(super) struct StartRetry {
    /// Workers that ended one after the other before they were ready, or could not be started.
    failures: u32,
    /// The number of the youngest of those that ended.
    last_failed: u64,
    /// When to try again what the system has refused.
    again: Option<Instant>,
    /// The error with which the system refused.
    refusal: Option<Error>,
}

impl StartRetry {
    /// Records that the system refused a process. Try again after a while.
    pub(super) fn on_refused(&mut self, error: Error) {
        self.failures += 1;
        self.again = Some(Instant::now() + DELAY);
        self.refusal = Some(error);
    }

    /// Records that a process was started.
    pub(super) fn on_started(&mut self) {
        self.again = None;
    }

    /// Records that the process that forks ended before it started a worker.
    pub(super) fn on_never_started(&mut self) {
        self.failures += 1;
    }

    /// Records how a worker has ended: after it was `ready`, or before.
    pub(super) fn on_exit(&mut self, worker: u64, ready: bool) {
        if ready {
            self.failures = 0;
        } else {
            self.failures += 1;
            self.last_failed = worker;
        }
    }

    /// Records a result of a worker.
    pub(super) fn on_result(&mut self, worker: u64) {
        if worker > self.last_failed {
            self.failures = 0;
        }
    }

    /// Returns the failures so far, for [`rewind`](StartRetry::rewind).
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Sets the count back to what [`failures`](StartRetry::failures) returned, since what ended
    /// from then on had the same cause.
    pub(super) fn rewind(&mut self, failures: u32) {
        self.failures = failures;
    }

    /// Returns `true` if so many workers failed that a further one would, too.
    pub(super) fn is_hopeless(&self) -> bool {
        self.failures >= MAX_FAILURES
    }

    /// Returns `true` if the last worker to start has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// Returns when to try again, if that is to come.
    pub(super) fn again(&self) -> Option<Instant> {
        self.again
    }

    /// Returns `true` if the system has refused a process, and it is too early to try again.
    pub(super) fn is_waiting(&self) -> bool {
        self.again.is_some_and(|time| Instant::now() < time)
    }

    /// Returns `true`, once, when it is time to try again.
    pub(super) fn take_due(&mut self) -> bool {
        self.again.take_if(|time| Instant::now() >= *time).is_some()
    }

    /// Takes the error with which the system has refused the last process to be started.
    pub(super) fn take_refusal(&mut self) -> Option<Error> {
        if self.failures > 0 && self.again.is_some() { self.refusal.take() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_of_an_older_worker_does_not_count_as_a_start() {
        let mut starts = StartRetry::default();
        starts.on_exit(5, false);
        starts.on_result(4);
        assert!(starts.has_failed());
        starts.on_result(6);
        assert!(!starts.has_failed());
    }

    #[test]
    fn tenth_failure_in_a_row_is_hopeless() {
        let mut starts = StartRetry::default();
        (1..MAX_FAILURES).for_each(|_| starts.on_refused(Error::Closed));
        assert!(!starts.is_hopeless());
        starts.on_never_started();
        assert!(starts.is_hopeless());
        starts.on_exit(1, true);
        assert!(!starts.is_hopeless());
    }

    #[test]
    fn refused_start_is_due_again_after_the_delay() {
        let mut starts = StartRetry::default();
        starts.on_refused(Error::Closed);
        assert!(starts.is_waiting() && !starts.take_due());
        std::thread::sleep(DELAY);
        assert!(starts.take_due() && !starts.take_due());
    }
}
