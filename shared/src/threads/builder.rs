//! Settings of a pool of threads.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::cpu::cpu_count;
use crate::error::Result;
use crate::executor::{check_processes, check_reject};
use crate::task::panic;
use crate::threads::ThreadPool;
use crate::threads::inner::Inner;

/// Settings of a [`ThreadPool`]; made by [`ThreadPool::builder`].
///
/// ```
/// use multiproc::{Executor, ThreadPool};
///
/// # fn main() -> multiproc::Result<()> {
/// let pool = ThreadPool::builder().processes(2).reject_when_reached(100).build()?;
/// assert_eq!(pool.apply(|| 6 * 7, ())?, 42);
/// # Ok(()) }
/// ```
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct ThreadPoolBuilder {
    processes: Option<usize>,
    name: Option<String>,
    reject_at: Option<u64>,
}

impl ThreadPoolBuilder {
    /// Sets the number of threads; one a logical CPU if not set.
    pub fn processes(mut self, processes: usize) -> Self {
        self.processes = Some(processes);
        self
    }

    /// Sets the pool's name, from which its threads have theirs; `multiproc-t1`, `multiproc-t2`, …
    /// if not set.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Rejects tasks while `tasks` of them wait or run; see
    /// [`PoolBuilder::reject_when_reached`](crate::PoolBuilder::reject_when_reached).
    pub fn reject_when_reached(mut self, tasks: u64) -> Self {
        self.reject_at = Some(tasks);
        self
    }

    /// Starts the threads.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for a setting that makes no sense,
    /// [`Error::Io`](crate::Error::Io) if the system has no more threads to give.
    pub fn build(self) -> Result<ThreadPool> {
        static BUILT: AtomicU64 = AtomicU64::new(1);
        let processes = self.processes.unwrap_or_else(cpu_count);
        check_processes(processes)?;
        check_reject(self.reject_at)?;
        panic::install_hook_once();
        let name = self.name.unwrap_or_else(|| format!("multiproc-t{}", BUILT.fetch_add(1, Relaxed)));
        // From here on the pool's drop ends what was started.
        let pool = ThreadPool { inner: Inner::new(name, self.reject_at.unwrap_or(u64::MAX)) };
        pool.inner.resize(processes)?;
        Ok(pool)
    }
}
