//! Settings of a pool of threads.

use std::sync::atomic::AtomicU64;

use crate::error::Result;
use crate::executor::{PoolSettings, check_processes};
use crate::task::{Arguments, Task, panic};
use crate::threads::ThreadPool;
use crate::threads::inner::Inner;
use crate::threads::once::{Once, OnceInEach};

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
///
/// It has those of [`PoolBuilder`](crate::PoolBuilder) that make sense for threads. It lacks:
///
/// - `start_method` and `fork_despite_threads`, as a thread is started in one way;
/// - `task_timeout` and `finalizer_timeout`, as nothing can stop a thread that runs;
/// - `max_tasks_per_child`, `max_memory_per_child` and `memory_limit`, as a thread has no memory of
///   its own, which its replacement would free;
/// - `max_message`, as arguments and results are moved, not sent;
/// - `keep_started_processes`, `stdout` and `stderr`, as the processes that tasks start and the
///   standard streams are the program's;
/// - `processes_between` and `shrink_after`, as an idle thread costs next to nothing;
/// - `trace`: a [`Recording`](crate::Recording) records the tasks of threads, too.
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct ThreadPoolBuilder {
    settings: PoolSettings<Once>,
}

impl ThreadPoolBuilder {
    /// Sets the number of threads; if not set, it is one a logical CPU, as
    /// [`cpu_count`](crate::cpu_count) counts them.
    pub fn processes(mut self, processes: usize) -> Self {
        self.settings.processes = Some(processes);
        self
    }

    /// Has the drop of the pool wait until all tasks are done; see
    /// [`PoolBuilder::finish_on_drop`](crate::PoolBuilder::finish_on_drop).
    pub fn finish_on_drop(mut self, on: bool) -> Self {
        self.settings.finish_on_drop = on;
        self
    }

    /// Sets the pool's name, from which its threads have theirs; `multiproc-t1`, `multiproc-t2`, …
    /// if not set.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = Some(name.into());
        self
    }

    /// Rejects tasks while `tasks` of them wait or run; see
    /// [`PoolBuilder::reject_when_reached`](crate::PoolBuilder::reject_when_reached).
    pub fn reject_when_reached(mut self, tasks: u64) -> Self {
        self.settings.reject_at = Some(tasks);
        self
    }

    /// Runs `f(args…)` in every thread before its first task; each has arguments of its own. It may
    /// set up what the tasks of the thread use, a thread-local say. If it panics or returns an
    /// `Err`, the pool can run nothing, and every task fails with
    /// [`Error::Initializer`](crate::Error::Initializer), as in a
    /// [pool of processes](crate::PoolBuilder::initializer).
    ///
    /// ```
    /// use std::cell::Cell;
    ///
    /// use multiproc::{Executor, ThreadPool};
    ///
    /// thread_local!(static FACTOR: Cell<u64> = const { Cell::new(0) });
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let set_up = |factor| FACTOR.set(factor);
    /// let pool = ThreadPool::builder().processes(2).initializer(set_up, (3,)).build()?;
    /// assert_eq!(pool.map(|n: u64| n * FACTOR.get(), 0..4u64)?, [0, 3, 6, 9]);
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterparts: the arguments `initializer` and `initargs`.
    pub fn initializer<F: Task<Args>, Args: Arguments>(mut self, f: F, args: Args) -> Self {
        self.settings.initializer = Some(Once::new(f, args));
        self
    }

    /// Runs `f(args…)` in every thread at its end, after its last task, unless the
    /// [initializer](ThreadPoolBuilder::initializer) failed there. Other than that of a
    /// [pool of processes](crate::PoolBuilder::finalizer) it runs also when the pool is dropped or
    /// terminated, which waits for it: a thread always ends by itself. Its result, or panic, is
    /// dropped.
    ///
    /// ```
    /// use multiproc::{Queue, ThreadPool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let (queue, count) = (Queue::new()?, |queue: Queue<u32>| queue.put(1).is_ok());
    /// drop(ThreadPool::builder().processes(2).finalizer(count, (queue.clone(),)).build()?);
    /// assert_eq!((queue.get()?, queue.get()?), (1, 1));
    /// # Ok(()) }
    /// ```
    pub fn finalizer<F: Task<Args>, Args: Arguments>(mut self, f: F, args: Args) -> Self {
        self.settings.finalizer = Some(Once::new(f, args));
        self
    }

    /// Starts the threads.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for a setting that makes no sense,
    /// [`Error::Encode`](crate::Error::Encode) for arguments that cannot travel,
    /// [`Error::Io`](crate::Error::Io) if the system has no more threads to give.
    pub fn build(self) -> Result<ThreadPool> {
        static BUILT: AtomicU64 = AtomicU64::new(1);
        let Self { mut settings } = self;
        let processes = settings.processes()?;
        check_processes(processes)?;
        let (reject_at, once) = (settings.reject_at()?, settings.take_once()?);
        panic::install_hook_once();
        // From here on the pool's drop ends what was started.
        let inner = Inner::new(settings.take_name("multiproc-t", &BUILT), reject_at, OnceInEach::new(once));
        let pool = ThreadPool { inner, finish_on_drop: settings.finish_on_drop };
        pool.inner.resize(processes)?;
        Ok(pool)
    }
}
