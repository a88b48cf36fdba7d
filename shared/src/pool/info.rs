//! What a pool tells of itself.

/// One worker, as [`Pool::workers`](crate::Pool::workers) found it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerInfo {
    /// Its number in the pool, counted from 1; a replacement gets a new one.
    pub id: u64,
    /// Its name: the pool's and the number.
    pub name: String,
    /// Its process.
    pub pid: u32,
    /// Tasks it has done, failed ones included.
    pub tasks_done: u64,
    /// Whether it runs a task.
    pub busy: bool,
    /// Resident memory in bytes; 0 if it could not be read.
    pub memory: u64,
}

/// A pool's counters, in tasks, since it was built; see [`Pool::stats`](crate::Pool::stats).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Tasks taken.
    pub submitted: u64,
    /// Tasks that ended well.
    pub completed: u64,
    /// Tasks that failed in any way: panicked, lost with a worker, timed out, cancelled, not
    /// encoded or decoded.
    pub failed: u64,
    /// Tasks that run now.
    pub running: u64,
    /// Tasks that wait.
    pub queued: u64,
    /// Worker processes started, replacements included.
    pub workers_started: u64,
    /// Worker processes that ended without being told to.
    pub workers_lost: u64,
}
