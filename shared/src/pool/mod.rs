//! The pool: many tasks on a few processes.
//!
//! [`call`] has what runs tasks, [`batched`] the same in batches, [`lazy`] what the lazy calls
//! return, [`feed`] turns arguments into chunks, [`builder`] and [`info`] are what their names say.

mod batched;
mod builder;
mod call;
#[cfg(feature = "tokio")]
mod concurrent;
mod feed;
mod info;
mod lazy;

use std::fmt;
use std::sync::Arc;

pub use batched::Batched;
pub use builder::PoolBuilder;
pub(crate) use builder::{END_LIMIT, check_depth, check_processes, check_reject};
pub(crate) use feed::{check_end, default_chunksize, submit_one};
pub use info::{Stats, WorkerInfo};
pub use lazy::Imap;

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::sys::memory;
use crate::trace::Trace;

/// A pool of worker processes.
///
/// Dropping the pool terminates it: tasks that are not done are cancelled, and no process is left
/// when the drop returns, within a bounded time. To let everything finish, [`close`](Pool::close)
/// and [`join`](Pool::join).
///
/// A pool belongs to the process that built it. In a copy of that process (a worker of
/// [`StartMethod::Fork`](crate::StartMethod), or a fork by the program itself) every call fails
/// with [`Error::ForeignProcess`], what returns no error says nothing, and dropping the pool does
/// nothing.
///
/// A pool can be shared by threads (`&Pool` is all a call needs) and used inside a worker of
/// another: pools nest, up to eight deep.
///
/// Python's counterpart is `multiprocessing.Pool`.
///
/// ```
/// use multiproc::Pool;
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
pub struct Pool {
    engine: Arc<Engine>,
}

impl Pool {
    /// A pool with one worker for each logical CPU that this process may use; see
    /// [`cpu_count`](crate::cpu_count).
    ///
    /// # Errors
    /// [`Error::InitMissing`] if [`init`](crate::init) was not called; [`Error::Io`] if the system
    /// has no more processes, descriptors or memory to give.
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// A pool with `processes` workers. Errors as [`new`](Pool::new).
    pub fn with_processes(processes: usize) -> Result<Self> {
        Self::builder().processes(processes).build()
    }

    /// A pool with settings of its own.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::default()
    }

    /// Takes no more tasks: every later call fails with [`Error::Closed`]. What was taken is still
    /// done; then the workers end.
    ///
    /// Python's counterpart is `Pool.close`.
    pub fn close(&self) {
        self.engine.close();
    }

    /// Waits until all tasks are done, their callbacks have run, and all workers have ended.
    ///
    /// Python's counterpart is `Pool.join`.
    ///
    /// # Errors
    /// [`Error::InvalidState`] if the pool is neither closed nor terminated: it would wait for ever.
    pub fn join(&self) -> Result<()> {
        self.engine.check()?;
        if self.engine.join() {
            return Ok(());
        }
        Err(Error::InvalidState("the pool is still open: call close() before join()".into()))
    }

    /// Ends the pool now. Tasks that are not done fail with [`Error::Cancelled`]; no process is
    /// left when this returns.
    ///
    /// Python's counterpart is `Pool.terminate`.
    pub fn terminate(&self) {
        self.engine.terminate();
    }

    /// Changes the number of workers. New ones start at once; surplus ones finish the task they
    /// run, and end. The number is fixed from then on, also that of a pool that was built with
    /// [`processes_between`](PoolBuilder::processes_between).
    ///
    /// Comes back when new workers have been forked.
    ///
    /// # Errors
    /// [`Error::Config`] for 0 workers, [`Error::Closed`] if the pool is closed.
    pub fn resize(&self, processes: usize) -> Result<()> {
        builder::check_processes(processes)?;
        self.engine.resize(processes)
    }

    /// The calls of a pool on an engine.
    #[cfg(feature = "mpi")]
    pub(crate) fn over(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// How many workers the pool keeps, at the moment if their number
    /// [changes](PoolBuilder::processes_between).
    pub fn processes(&self) -> usize {
        self.engine.wanted()
    }

    /// The workers that live now.
    pub fn workers(&self) -> Vec<WorkerInfo> {
        let workers = self.engine.workers().into_iter();
        let mut workers: Vec<_> = workers
            .map(|worker| WorkerInfo {
                id: worker.id,
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

    /// The pool's counters.
    pub fn stats(&self) -> Stats {
        let now = self.engine.snapshot();
        Stats {
            submitted: now.submitted,
            completed: now.completed,
            failed: now.failed,
            running: now.running,
            queued: now.outstanding.saturating_sub(now.running),
            workers_started: now.workers_started,
            workers_lost: now.workers_lost,
        }
    }

    /// Who ran what, when: every task that has ended since the pool was built. Empty unless the
    /// pool was built with [`trace(true)`](PoolBuilder::trace), or during a
    /// [`Recording`](crate::Recording).
    pub fn trace(&self) -> Trace {
        self.engine.trace()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.engine.terminate();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.engine.check() {
            Err(_) => "another process'",
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
