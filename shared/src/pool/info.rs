//! One worker of a pool.

/// The state of one worker; returned by [`Pool::workers`](crate::Pool::workers).
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
