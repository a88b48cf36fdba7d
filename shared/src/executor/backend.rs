//! What the calls of an [`Executor`](crate::Executor) need of whatever runs the tasks, and what
//! every backend has: options of one call, counters, settings that it refuses.
//!
//! These traits are public in name only: the module is private, so that no other crate implements
//! [`Executor`](crate::Executor), and the required part can change.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::future::AsyncResult;
use crate::task::{Arguments, Task};

/// The items of a lazy call that are under way at least, where the caller sets nothing: enough to
/// keep the workers busy with short tasks.
pub(crate) const MIN_WINDOW: usize = 256;

/// Workers beyond this are a mistake rather than a wish: Linux allows 32,768 processes by default,
/// and each takes a few of its parent's memory mappings.
const MAX_PROCESSES: usize = 4096;

/// Runs tasks: a pool of processes, one of threads, or the ranks of a cluster.
pub trait Backend {
    /// The tasks of one call of the function `F` with the arguments `Args`.
    type Call<F, Args>: Call<Args, F::Output>
    where
        F: Task<Args>,
        Args: Arguments;

    /// Fails in a process that the backend does not belong to.
    #[doc(hidden)]
    fn check(&self) -> Result<()>;

    /// Returns the number of tasks that can run at a time while there is a backlog.
    #[doc(hidden)]
    fn breadth(&self) -> usize;

    /// Returns [`MIN_WINDOW`], or more where a task travels further.
    #[doc(hidden)]
    fn min_window(&self) -> usize {
        MIN_WINDOW
    }

    /// Returns the options that hold for calls on this value.
    #[doc(hidden)]
    fn options(&self) -> CallOptions {
        CallOptions::default()
    }

    /// Begins a call with these options. `ordered` keeps its results in the order of the tasks.
    ///
    /// # Errors
    /// That of a function that cannot be sent, of an option that the backend does not have, or of a
    /// process that the backend does not belong to.
    #[doc(hidden)]
    fn begin<F, Args>(&self, f: F, ordered: bool, options: CallOptions) -> Result<Self::Call<F, Args>>
    where
        F: Task<Args>,
        Args: Arguments;

    /// Keeps `waker` until all tasks are done and all workers have ended. Returns `false` if they
    /// have, or the executor is open.
    #[doc(hidden)]
    fn wake_when_over(&self, waker: &Waker) -> bool;

    /// Returns the result of a call that could not begin. It counts as a task that failed.
    #[doc(hidden)]
    fn failed<R: Send + 'static>(&self, error: Error) -> AsyncResult<R>;
}

/// The tasks of one call: takes arguments in, and gives results out.
pub trait Call<Args, R>: LazyCall<Args, R> + Sized + 'static {
    /// Submits the only task.
    fn submit_one(&self, args: Args);

    /// Submits all tasks, `chunksize` at a time.
    fn submit_all(&self, items: impl Iterator<Item = Args>, chunksize: usize);

    /// Waits for the result of the only task.
    fn wait_one(self) -> Result<R>;

    /// Waits for all results, of which there are probably `len`, or the first error among them.
    fn wait_all(self, len: usize) -> Result<Vec<R>>;

    /// Waits for the result or error of every task, of which there are probably `len`.
    fn wait_each(self, len: usize) -> Result<Vec<Result<R>>>;

    /// Turns the call of one task into its handle.
    fn into_one(self) -> AsyncResult<R>;

    /// Turns the call into the handle of all its results.
    fn into_all(self) -> AsyncResult<Vec<R>>;

    /// Turns the call into the handle of every task's result or error.
    fn into_each(self) -> AsyncResult<Vec<Result<R>>>;
}

/// What the lazy iterator needs of a call, whatever the function and the backend.
pub trait LazyCall<Args, R>: Send + Sync {
    /// Fails in a process that the call does not belong to.
    fn check(&self) -> Result<()>;

    /// Returns why no further task is taken, if that is so.
    fn refusal(&self) -> Option<Error>;

    /// Submits up to `chunksize` tasks as one chunk. Returns whether that was all of `items`. If
    /// `items` panics, what came before the panic is submitted.
    fn submit_chunk(&self, items: &mut dyn Iterator<Item = Args>, chunksize: usize) -> bool;

    /// Counts a task that failed before it could be submitted.
    fn submit_failed(&self, error: Error);

    /// Declares that no more tasks will come.
    fn seal(&self);

    /// Has the tasks run while no thread waits for them.
    fn run_unattended(&self);

    /// Returns whether the next results are there.
    fn has_next(&self) -> bool;

    /// Returns whether all results have come and no more tasks will.
    fn is_done(&self) -> bool;

    /// Moves the results of the next chunk into `results`, if they are there. Returns the index of
    /// the first one's item, which means nothing if the results are ordered; `None` if they are not
    /// there.
    fn take_next(&self, results: &mut VecDeque<Result<R>>) -> Option<usize>;

    /// Waits until the next results are there, or the end. Returns `false` if the deadline came
    /// first.
    fn wait_next(&self, deadline: Option<Instant>) -> bool;

    /// Keeps `waker` until the next results are there, or the end. Returns `false` if that is so.
    #[cfg(feature = "stream")]
    fn wake_at_next(&self, waker: &Waker) -> bool;

    /// Drops the tasks that have not begun, and the results of the others.
    fn abandon(&self);

    /// Returns the bytes of a task's arguments and result, as last seen; `None` until a result has
    /// been taken. 0 where they are not encoded, so that their size is not known.
    fn task_bytes(&self) -> Option<u64> {
        Some(0)
    }
}

/// How the tasks of a call travel, how long each may take and how often it is tried, as far as the
/// caller has said.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallOptions {
    chunksize: Option<usize>,
    window: Option<usize>,
    timeout: Option<Duration>,
    grace: Option<Duration>,
    retries: u32,
}

impl CallOptions {
    /// Sets the chunk size; 0 counts as 1.
    pub(super) fn with_chunksize(self, chunksize: usize) -> Self {
        Self { chunksize: Some(chunksize.max(1)), ..self }
    }

    /// Sets the number of items that may be under way; 0 counts as 1.
    pub(super) fn with_window(self, window: usize) -> Self {
        Self { window: Some(window.max(1)), ..self }
    }

    /// Sets the time that each task may take.
    pub(super) fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// Sets the time that a task has between the end of its time and the end of its worker.
    pub(super) fn with_grace(self, grace: Duration) -> Self {
        Self { grace: Some(grace), ..self }
    }

    /// Returns the time that a task has between the end of its time, which is `limit` if the call
    /// does not set it, and the end of its worker. Zero if it is not set.
    ///
    /// # Errors
    /// [`Error::Config`] if there is no limit, or a worker would be given several tasks at a time.
    pub(crate) fn grace(self, limit: Option<Duration>) -> Result<Duration> {
        let Some(grace) = self.grace else { return Ok(Duration::ZERO) };
        if self.timeout.or(limit).is_none() {
            return Err(Error::Config(
                "with_grace needs a time limit: add with_timeout, or build the pool with task_timeout".into(),
            ));
        }
        if self.chunksize.is_some_and(|chunksize| chunksize > 1) {
            return Err(Error::Config(
                "with_grace sends each task alone, so that its signal reaches no other: leave out with_chunksize"
                    .into(),
            ));
        }
        Ok(grace)
    }

    /// Sets how often a task is begun again that was lost with its worker.
    pub(super) fn with_retries(self, retries: u32) -> Self {
        Self { retries, ..self }
    }

    /// Returns how often a task is begun again that was lost with its worker.
    pub(crate) fn retries(self) -> u32 {
        self.retries
    }

    /// Returns the time that each task may take, if it is set.
    ///
    /// # Errors
    /// [`Error::Config`] if it is no time.
    pub(crate) fn timeout(self) -> Result<Option<Duration>> {
        if self.timeout == Some(Duration::ZERO) {
            return Err(Error::Config("with_timeout takes a time of more than 0".into()));
        }
        Ok(self.timeout)
    }

    /// Returns the chunk size, if it is set; at least 1.
    pub(super) fn chunksize(self) -> Option<usize> {
        self.chunksize.or(self.grace.map(|_| 1))
    }

    /// Returns whether the caller has set the number of items that may be under way.
    pub(super) fn has_window(self) -> bool {
        self.window.is_some()
    }

    /// Returns how many items of a lazy call may be under way: what is set, or else room for four
    /// chunks for each of `breadth` workers, and for `min` items. It is at least one chunk.
    pub(super) fn window(self, breadth: usize, min: usize) -> usize {
        let chunksize = self.chunksize.unwrap_or(1);
        self.window.unwrap_or(chunksize.saturating_mul(4 * breadth).max(min)).max(chunksize)
    }
}

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

/// Refuses a bound on the backlog that rejects every task.
pub(crate) fn check_reject(tasks: Option<u64>) -> Result<()> {
    if tasks == Some(0) {
        return Err(Error::Config("reject_when_reached must be at least 1, or no task could ever be taken".into()));
    }
    Ok(())
}

/// Refuses a number of workers that is 0 or beyond reason.
pub(crate) fn check_processes(processes: usize) -> Result<()> {
    if (1..=MAX_PROCESSES).contains(&processes) {
        return Ok(());
    }
    Err(Error::Config(format!("a pool has 1 to {MAX_PROCESSES} processes, not {processes}")))
}

/// Returns what [`join_timeout`](crate::Executor::join_timeout) does: whether the executor has
/// ended in time, or `None` if it is open.
pub(crate) fn joined(in_time: Option<bool>, after: Duration) -> Result<()> {
    match in_time {
        Some(true) => Ok(()),
        Some(false) => Err(Error::timed_out(after)),
        None => Err(still_open()),
    }
}

/// Returns the error of joining an executor that would never end.
pub(crate) fn still_open() -> Error {
    Error::InvalidState("the pool is still open: call close() before join()".into())
}
