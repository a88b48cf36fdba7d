//! What the calls of an [`Executor`](crate::Executor) need of whatever runs the tasks.
//!
//! These traits are public in name only: the module is private, so that no other crate implements
//! [`Executor`](crate::Executor), and the required part can change.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::executor::call_options::CallOptions;
use crate::executor::chunk_sizes::ChunkSizes;
use crate::future::AsyncResult;
use crate::task::{Arguments, Task};

/// The items of a lazy call that are under way at least, where the caller sets nothing: enough to
/// keep the workers busy with short tasks.
pub(crate) const MIN_WINDOW: usize = 256;

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
    fn submit_all(&self, items: impl Iterator<Item = Args>, sizes: ChunkSizes);

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
