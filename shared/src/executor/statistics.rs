//! Counters of an executor.

use std::time::Duration;

use crate::engine::Engine;
use crate::threads::Crew;

/// What has become of an executor's tasks so far; see
/// [`Executor::statistics`](crate::Executor::statistics). Every task is counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Statistics {
    /// Tasks that ended well.
    pub executed: u64,
    /// Tasks that failed in any way but being cancelled: panicked, lost with a worker, timed out,
    /// refused, not encoded or decoded.
    pub failed: u64,
    /// Tasks that were cancelled.
    pub cancelled: u64,
    /// Tasks that wait.
    pub queued: u64,
    /// Tasks that run now.
    pub running: u64,
    /// How long tasks have run, all together, serialization in the workers included. Tasks that
    /// travel together count once the last of them is done; a process adds its share a moment
    /// after its results have come.
    pub run_time: Duration,
}

impl Statistics {
    pub(super) fn of_processes(engine: &Engine) -> Self {
        let now = engine.snapshot();
        Self {
            executed: now.completed,
            failed: now.failed - now.cancelled,
            cancelled: now.cancelled,
            queued: now.outstanding.saturating_sub(now.running),
            running: now.running,
            run_time: Duration::from_nanos(now.busy_ns),
        }
    }

    pub(super) fn of_threads(crew: &Crew) -> Self {
        let (now, running) = (crew.counts(), crew.running());
        Self {
            executed: now.completed,
            failed: now.failed,
            cancelled: now.cancelled,
            queued: now.outstanding.saturating_sub(running),
            running,
            run_time: Duration::from_nanos(crew.run_time()),
        }
    }

    /// How long a task has run on average, of those that ran to their end; zero before there was
    /// one.
    pub fn average_run_time(&self) -> Duration {
        let nanoseconds = self.run_time.as_nanos().checked_div(u128::from(self.executed + self.failed)).unwrap_or(0);
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}
