//! A pool of threads with the calls of the pool of processes.
//!
//! [`inner`] has the threads and their queue, [`job`] the results of one call, [`once`] the
//! initializer and finalizer; [`call`] runs the calls of an [`Executor`] on them.

mod call;
mod inner;
mod job;
mod once;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::cpu::default_workers;
use crate::error::Result;
use crate::executor::{Executor, Statistics, check_processes, check_reject, joined, still_open};
use crate::task::{Arguments, Task, panic};
use crate::threads::inner::Inner;
use crate::threads::once::Once;

/// A pool of threads with the calls of [`Pool`](crate::Pool): change the one name, and the program
/// runs on threads instead of processes.
///
/// Threads suit tasks that wait (for files, for the network) rather than compute, and large
/// arguments: these are moved, not serialized, so a field that serde skips keeps its value here. A
/// panic is caught and becomes [`Error::Panicked`](crate::Error::Panicked) as in a process. But
/// what ends a process (an abort, a stack overflow) ends the program, nothing can stop a thread
/// that has begun a task, and tasks share the statics of the program.
///
/// Functions that capture are refused here, too, so that a program can go back to processes.
///
/// It belongs to the process that built it: in a copy of that process its calls fail with
/// [`Error::ForeignProcess`](crate::Error::ForeignProcess), and dropping it does nothing.
///
/// Dropping the pool terminates it: tasks that have not begun are cancelled
/// ([unless](ThreadPoolBuilder::finish_on_drop) it is to finish them), and those that run are
/// waited for. A task must not wait for another task of its own pool: with every thread waiting,
/// none would be left to run it.
///
/// The first pool of threads installs a panic hook that records the panics of tasks instead of
/// printing them, and leaves all others to the hook that was there before.
///
/// ```
/// use multiproc::{Executor, ThreadPool as Pool};
///
/// fn greet(name: String) -> String {
///     format!("Hello {name}")
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let pool = Pool::with_processes(3)?;
/// let names = ["Bob", "Alice", "Eve"].map(String::from);
/// assert_eq!(pool.map(greet, names)?, ["Hello Bob", "Hello Alice", "Hello Eve"]);
/// # Ok(()) }
/// ```
///
/// Python's counterparts: `multiprocessing.pool.ThreadPool` and
/// `concurrent.futures.ThreadPoolExecutor`.
#[doc(alias("ThreadPoolExecutor"))]
pub struct ThreadPool {
    inner: Arc<Inner>,
    finish_on_drop: bool,
}

impl ThreadPool {
    /// Starts a pool with one thread for each logical CPU that this process may use; see
    /// [`cpu_count`](crate::cpu_count).
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) if the variable that caps that number has another
    /// value than a number, [`Error::Io`](crate::Error::Io) if the system has no more threads to
    /// give.
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// Starts a pool with `processes` threads; the name is that of the pool of processes.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for 0 threads or too many; else those of
    /// [`new`](ThreadPool::new).
    pub fn with_processes(processes: usize) -> Result<Self> {
        Self::builder().processes(processes).build()
    }

    /// Returns a builder, for a pool with other settings.
    pub fn builder() -> ThreadPoolBuilder {
        ThreadPoolBuilder::default()
    }

    /// Changes the number of threads. New ones start at once; surplus ones finish the tasks they
    /// have begun, and end.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for 0 threads,
    /// [`Error::Closed`](crate::Error::Closed) if the pool is closed,
    /// [`Error::Io`](crate::Error::Io) if the system has no more threads to give.
    pub fn resize(&self, processes: usize) -> Result<()> {
        check_processes(processes)?;
        self.inner.resize(processes)
    }
}

impl Executor for ThreadPool {
    fn processes(&self) -> usize {
        self.inner.wanted()
    }

    fn close(&self) {
        self.inner.close();
    }

    fn join(&self) -> Result<()> {
        self.inner.check()?;
        self.inner.join(None).map(drop).ok_or_else(still_open)
    }

    fn join_timeout(&self, timeout: Duration) -> Result<()> {
        self.inner.check()?;
        joined(self.inner.join(Instant::now().checked_add(timeout)), timeout)
    }

    fn terminate(&self) {
        self.inner.terminate();
    }

    fn cancel_pending(&self) {
        self.inner.cancel_pending();
    }

    fn statistics(&self) -> Statistics {
        self.inner.statistics()
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        if self.finish_on_drop && !thread::panicking() {
            self.shutdown();
        }
        self.inner.terminate();
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.inner.is_open() { "open" } else { "closed" };
        f.debug_struct("ThreadPool")
            .field("name", &self.inner.name())
            .field("state", &format_args!("{state}"))
            .field("processes", &self.inner.wanted())
            .finish()
    }
}

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
    processes: Option<usize>,
    name: Option<String>,
    reject_at: Option<u64>,
    initializer: Option<Result<Once>>,
    finalizer: Option<Result<Once>>,
    finish_on_drop: bool,
}

impl ThreadPoolBuilder {
    /// Sets the number of threads; if not set, it is one a logical CPU, as
    /// [`cpu_count`](crate::cpu_count) counts them.
    pub fn processes(mut self, processes: usize) -> Self {
        self.processes = Some(processes);
        self
    }

    /// Has the drop of the pool wait until all tasks are done; see
    /// [`PoolBuilder::finish_on_drop`](crate::PoolBuilder::finish_on_drop).
    pub fn finish_on_drop(mut self, on: bool) -> Self {
        self.finish_on_drop = on;
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
        self.initializer = Some(Once::new(f, args));
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
        self.finalizer = Some(Once::new(f, args));
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
        let processes = self.processes.map_or_else(default_workers, Ok)?;
        check_processes(processes)?;
        check_reject(self.reject_at)?;
        let once = [self.initializer.transpose()?, self.finalizer.transpose()?];
        panic::install_hook_once();
        let name = self.name.unwrap_or_else(|| format!("multiproc-t{}", BUILT.fetch_add(1, Relaxed)));
        // From here on the pool's drop ends what was started.
        let inner = Inner::new(name, self.reject_at.unwrap_or(u64::MAX), once);
        let pool = ThreadPool { inner, finish_on_drop: self.finish_on_drop };
        pool.inner.resize(processes)?;
        Ok(pool)
    }
}
