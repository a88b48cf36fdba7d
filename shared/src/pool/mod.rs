//! The pool: many tasks on a few processes.
//!
//! [`process_call`] runs the calls of an [`Executor`] on the engine, [`feed`] turns arguments into
//! chunks, [`builder`] holds the settings, and [`once`] has what runs once in each worker.

mod builder;
mod feed;
mod once;
mod process_call;

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use builder::END_LIMIT;
pub use builder::PoolBuilder;
pub(crate) use feed::submit_one;
pub(crate) use once::encode_for_each;

use crate::engine::{Engine, Snapshot};
use crate::error::Result;
use crate::executor::{Executor, Statistics, check_processes, joined, still_open};
use crate::sys::memory;
use crate::trace::Trace;
#[cfg(feature = "tokio")]
use {
    crate::error::Error,
    crate::executor::default_chunksize,
    crate::task::{Concurrent, Stateless},
    serde::Serialize,
    serde::de::DeserializeOwned,
};

/// A pool of worker processes.
///
/// Its calls are those of the trait [`Executor`]; bring it into scope beside the pool.
///
/// Dropping the pool terminates it: tasks that are not done are cancelled, and no process is left
/// when the drop returns, within a bounded time. To let everything finish, call
/// [`shutdown`](Executor::shutdown), or build the pool so that its drop
/// [does](PoolBuilder::finish_on_drop).
///
/// A pool belongs to the process that built it. In a copy of that process (a worker of
/// [`StartMethod::Fork`](crate::StartMethod), or a fork by the program itself) every call fails
/// with [`Error::ForeignProcess`](crate::Error::ForeignProcess), a method that returns no error
/// does nothing, and neither does dropping the pool.
///
/// A pool can be shared by threads (`&Pool` is all a call needs) and used inside a worker of
/// another: pools nest, up to eight deep.
///
/// ```
/// use multiproc::{Executor, Pool};
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
/// Python's counterpart: `multiprocessing.Pool`.
#[doc(alias("ProcessPoolExecutor"))]
pub struct Pool {
    engine: Arc<Engine>,
    finish_on_drop: bool,
}

/// The state of one worker; returned by [`Pool::workers`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerInfo {
    /// Its number in the pool, counted from 1; a replacement gets a new one.
    pub id: u64,
    /// What [`worker_index`](crate::worker_index) returns in it; a replacement has that of the
    /// worker that it replaces.
    pub index: usize,
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

impl Pool {
    /// Starts a pool with one worker for each logical CPU that this process may use; see
    /// [`cpu_count`](crate::cpu_count).
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) if the variable that caps that number has another
    /// value than a number; [`Error::InitMissing`](crate::Error::InitMissing) if
    /// [`init`](crate::init) was not called;
    /// [`Error::Io`](crate::Error::Io) if the system has no more processes, descriptors or memory
    /// to give.
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// Starts a pool with `processes` workers.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for 0 workers or too many; else those of
    /// [`new`](Pool::new).
    pub fn with_processes(processes: usize) -> Result<Self> {
        Self::builder().processes(processes).build()
    }

    /// Returns a builder, for a pool with other settings.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::default()
    }

    /// Changes the number of workers, and returns when new ones have been forked. Surplus ones
    /// finish the task that they run, and end. The number is fixed from then on, also that of a
    /// pool that was built with [`processes_between`](PoolBuilder::processes_between).
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for 0 workers,
    /// [`Error::Closed`](crate::Error::Closed) if the pool is closed.
    pub fn resize(&self, processes: usize) -> Result<()> {
        check_processes(processes)?;
        self.engine.resize(processes)
    }

    /// Wraps an engine in a pool.
    #[cfg(feature = "mpi")]
    pub(crate) fn over(engine: Arc<Engine>) -> Self {
        Self { engine, finish_on_drop: false }
    }

    /// Returns the statistics of each server that runs tasks of this pool.
    #[cfg(feature = "mpi")]
    pub(crate) fn statistics_of_servers(&self) -> Vec<Statistics> {
        self.engine.servers().iter().map(statistics_of).collect()
    }

    /// Returns the workers that live now, in the order in which they were started.
    #[must_use]
    pub fn workers(&self) -> Vec<WorkerInfo> {
        let workers = self.engine.workers().into_iter();
        let mut workers: Vec<_> = workers
            .map(|worker| WorkerInfo {
                id: worker.id,
                index: worker.index,
                name: worker.name,
                pid: worker.pid,
                tasks_done: worker.tasks_done,
                busy: worker.busy,
                memory: memory::resident(Some(worker.pid)),
            })
            .collect();
        workers.sort_by_key(|worker| worker.id);
        workers
    }

    /// Returns which worker ran which task when, for every task that has ended since the pool was
    /// built. It is empty unless the pool was built with [`trace(true)`](PoolBuilder::trace), or
    /// during a [`Recording`](crate::Recording).
    #[must_use]
    pub fn trace(&self) -> Trace {
        self.engine.trace()
    }
}

#[cfg(feature = "tokio")]
impl Pool {
    /// Calls the async function `f` on each item and waits for all results, in the items' order.
    /// Each worker runs an event loop (a tokio runtime of one thread) and has up to
    /// `concurrency` of the calls under way at a time: so many that wait, for the network say,
    /// cost one process. Needs the feature `tokio`.
    ///
    /// Items travel in batches, and to the pool a batch is one task: that is what its counters
    /// count, its time limit and [cancelling](crate::AsyncResult::cancel) concern, and what is
    /// lost with a worker. A panic costs only its own item.
    ///
    /// Python has no counterpart; the package `aiomultiprocess` has.
    ///
    /// # Errors
    /// That of the first item, in order, that failed. The others are still run. [`Error::Config`]
    /// if `concurrency` is 0.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// async fn fetch(n: u32) -> u32 {
    ///     tokio::time::sleep(Duration::from_millis(10)).await;
    ///     n * n
    /// }
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = multiproc::Pool::with_processes(2)?;
    /// assert_eq!(pool.map_concurrent(fetch, 0..4u32, 2)?, [0, 1, 4, 9]);
    /// # Ok(()) }
    /// ```
    pub fn map_concurrent<F, I, Fut>(&self, f: F, items: I, concurrency: usize) -> Result<Vec<Fut::Output>>
    where
        I: IntoIterator,
        I::Item: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(I::Item) -> Fut + Stateless,
        Fut: Future + 'static,
        Fut::Output: Serialize + DeserializeOwned + Send + 'static,
    {
        if concurrency == 0 {
            return Err(Error::Config("map_concurrent needs a concurrency of 1 at least".into()));
        }
        let items: Vec<_> = items.into_iter().collect();
        let (len, workers) = (items.len(), self.engine.breadth());
        // Full loops, but no worker without any.
        let size = default_chunksize(len, workers).max(concurrency).min(len.div_ceil(workers)).max(1);
        let mut items = items.into_iter();
        let batches = std::iter::from_fn(|| {
            let batch: Vec<_> = items.by_ref().take(size).collect();
            (!batch.is_empty()).then_some((concurrency as u64, batch))
        });
        let function = std::any::type_name::<F>();
        // A batch is no item of the caller's.
        let results = self.with_chunksize(1).starmap(Concurrent::new(f), batches);
        let results = results.map_err(|error| error.of(function, None))?.into_iter().flatten().enumerate();
        results.map(|(index, result)| result.map_err(|caught| Error::from(caught).of(function, Some(index)))).collect()
    }
}

impl Executor for Pool {
    fn processes(&self) -> usize {
        self.engine.wanted()
    }

    fn close(&self) {
        self.engine.close();
    }

    fn join(&self) -> Result<()> {
        self.engine.check()?;
        self.engine.join(None).map(drop).ok_or_else(still_open)
    }

    fn join_timeout(&self, timeout: Duration) -> Result<()> {
        self.engine.check()?;
        joined(self.engine.join(Instant::now().checked_add(timeout)), timeout)
    }

    fn terminate(&self) {
        self.engine.terminate();
    }

    fn cancel_pending(&self) {
        self.engine.cancel_pending();
    }

    fn statistics(&self) -> Statistics {
        statistics_of(&self.engine.snapshot())
    }
}

/// Returns a pool's counters as a caller sees them.
fn statistics_of(now: &Snapshot) -> Statistics {
    Statistics {
        submitted: now.submitted,
        completed: now.completed,
        failed: now.failed.saturating_sub(now.kinds.cancelled),
        refused: now.kinds.refused,
        timed_out: now.kinds.timed_out,
        lost: now.kinds.lost,
        cancelled: now.kinds.cancelled,
        queued: now.outstanding.saturating_sub(now.running),
        running: now.running,
        run_time: Duration::from_nanos(now.busy_ns),
        workers_started: now.workers_started,
        workers_lost: now.workers_lost,
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if self.finish_on_drop && !thread::panicking() {
            self.shutdown();
        }
        self.engine.terminate();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.engine.check() {
            Err(_) => "of another process",
            Ok(()) if self.engine.snapshot().open => "open",
            Ok(()) => "closed",
        };
        f.debug_struct("Pool")
            .field("name", &self.engine.config.name)
            .field("state", &format_args!("{state}"))
            .field("processes", &self.engine.wanted())
            .field("start_method", &self.engine.config.method)
            .finish()
    }
}
