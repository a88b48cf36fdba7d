//! The counters of an executor's tasks.

use std::time::Duration;

/// What has become of an executor's tasks so far; see
/// [`Executor::statistics`](crate::Executor::statistics).
///
/// Every task that was submitted is counted in one of `completed`, `failed`, `cancelled`, `queued`
/// and `running`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Statistics {
    /// Tasks that were submitted.
    pub submitted: u64,
    /// Tasks that ended well.
    pub completed: u64,
    /// Tasks that failed in any way but being cancelled: panicked, lost with a worker, timed out,
    /// refused, not encoded or decoded.
    pub failed: u64,
    /// Of the failed: those that were not taken, since the pool was
    /// [full](crate::PoolBuilder::reject_when_reached) or closed.
    pub refused: u64,
    /// Of the failed: those that were ended at their
    /// [time limit](crate::PoolBuilder::task_timeout).
    pub timed_out: u64,
    /// Of the failed: those that were lost with their worker.
    pub lost: u64,
    /// Tasks that were cancelled.
    pub cancelled: u64,
    /// Tasks that wait.
    pub queued: u64,
    /// Tasks that run now.
    pub running: u64,
    /// The time for which tasks have run, all together, serialization in the workers included.
    /// Tasks that travel together count once the last of them is done; a process adds its share a
    /// moment after its results have come.
    pub run_time: Duration,
    /// Workers that were started, replacements included.
    pub workers_started: u64,
    /// Worker processes that ended without being told to.
    pub workers_lost: u64,
}

impl Statistics {
    /// Returns the time that a task has run on average, of those that ran to their end; zero before
    /// there was one.
    #[must_use]
    pub fn average_run_time(&self) -> Duration {
        let nanoseconds = self.run_time.as_nanos().checked_div(u128::from(self.completed + self.failed)).unwrap_or(0);
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}
