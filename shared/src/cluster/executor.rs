//! The calls.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::cluster::Rank;
use crate::cluster::io_thread::IoThread;
use crate::error::Result;
use crate::executor::{Executor, Statistics};
use crate::future::AsyncResult;
use crate::pool::{Batched, Imap, Pool};
use crate::task::{Arguments, Task};

/// A pool on as many machines as MPI gives the program: change the one name [`Pool`], start the
/// program with `mpirun`, and its tasks run on all of them. Needs the feature `mpi`.
///
/// ```sh
/// mpirun -n 5 --hostfile machines target/release/program
/// ```
///
/// starts the program five times. **Rank 0 runs it.** The others run it as far as
/// [`new`](MpiExecutor::new), which does not come back there: they run tasks, each in a pool of
/// processes of its own, until rank 0 shuts the executor down, and then exit with status 0. So what
/// stands before `new` runs on every rank, and what stands after it on rank 0 alone. Started with
/// one rank, or without `mpirun`, the program runs its tasks in a pool of its own process.
///
/// Everything else is as with a pool: functions travel by name, so that every machine must have the
/// very same executable, which is checked at the start; a panic, an abort or a `kill -9` of a task
/// costs that task. What names a process in an error (`pid`) is a process of the machine where the
/// task ran.
///
/// Work goes where there is room. Each rank gets a chunk for each of its workers, and chunks in
/// advance for 20 ms, by what tasks of the same function took before; what waits on one rank while
/// another has nothing to do is asked back.
///
/// # What can be lost
/// A rank from which nothing is heard for [ten seconds](crate::MpiExecutorBuilder::silence) is
/// lost: its machine has stopped, or cannot be reached. The tasks that it had fail with
/// [`Error::RankLost`](crate::Error::RankLost), begun or not; all others go on, on the ranks that
/// are left. With none left, every task fails with that error. A rank that hears nothing from rank
/// 0 for so long ends.
///
/// MPI itself promises less. Open MPI ends the whole program, rank 0 included, when the process of
/// a rank (not of a task) is killed, unless `mpirun` is given `--enable-recovery`. After a loss MPI
/// is not finalized, which would wait for the rank that is gone: `mpirun` may then report that, and
/// exit with a status that is not 0, although the program went on to its end. The ranks that are
/// left stay until then, with nothing to do.
///
/// # Limits
/// - Handles (of a pipe's end, a queue, a lock) stand for something on one machine and are refused:
///   [`Error::Encode`](crate::Error::Encode). A [`Manager`](crate::Manager) that listens on TCP
///   serves other machines.
/// - One executor in the life of a process: MPI can be started once.
/// - A [`Recording`](crate::Recording) has no tasks of other ranks in it.
///
/// Python's counterpart is `mpi4py.futures.MPIPoolExecutor`.
///
/// ```
/// use multiproc::MpiExecutor;
///
/// # fn main() -> multiproc::Result<()> {
/// let executor = MpiExecutor::new()?; // from here on, rank 0 alone
/// let squares = executor.map(|n: u64| n * n, 0..5u64)?;
/// assert_eq!(squares, [0, 1, 4, 9, 16]);
/// # Ok(()) }
/// ```
pub struct MpiExecutor {
    /// The calls of a pool, on an engine whose tasks the other ranks run, or on one with workers if
    /// there is one rank only.
    pub(super) pool: Pool,
    pub(super) ranks: Vec<Rank>,
    /// The thread that makes all MPI calls, if there are other ranks.
    pub(super) carrier: Mutex<Option<IoThread>>,
}

/// Each call does what that of the same name of [`Pool`] does.
impl MpiExecutor {
    /// An executor with a worker for each logical CPU that each rank may use. Errors and all else
    /// as [`MpiExecutorBuilder::build`](crate::MpiExecutorBuilder::build).
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// The ranks that run tasks, as they were at the start. Rank 0 is not one of them, unless it is
    /// the only one.
    pub fn ranks(&self) -> &[Rank] {
        &self.ranks
    }

    /// How many workers all ranks have together, those that are lost excepted.
    pub fn processes(&self) -> usize {
        self.pool.processes()
    }

    /// Runs `f(args…)` in a worker and waits for the result; see [`Pool::apply`].
    pub fn apply<F: Task<Args>, Args: Arguments>(&self, f: F, args: Args) -> Result<F::Output> {
        self.pool.apply(f, args)
    }

    /// Has `f(args…)` run in a worker, and returns at once; see [`Pool::apply_async`].
    pub fn apply_async<F: Task<Args>, Args: Arguments>(&self, f: F, args: Args) -> AsyncResult<F::Output> {
        self.pool.apply_async(f, args)
    }

    /// Runs `f` on each item and waits for all results, in the items' order; see [`Pool::map`].
    pub fn map<F, I>(&self, f: F, items: I) -> Result<Vec<F::Output>>
    where
        I: IntoIterator,
        (I::Item,): Arguments,
        F: Task<(I::Item,)>,
    {
        self.pool.map(f, items)
    }

    /// As [`map`](MpiExecutor::map), but each item is a tuple of arguments; see [`Pool::starmap`].
    pub fn starmap<F, I>(&self, f: F, items: I) -> Result<Vec<F::Output>>
    where
        I: IntoIterator,
        I::Item: Arguments,
        F: Task<I::Item>,
    {
        self.pool.starmap(f, items)
    }

    /// As [`map`](MpiExecutor::map), but returns as soon as the items have been taken; see
    /// [`Pool::map_async`].
    pub fn map_async<F, I>(&self, f: F, items: I) -> AsyncResult<Vec<F::Output>>
    where
        I: IntoIterator,
        (I::Item,): Arguments,
        F: Task<(I::Item,)>,
    {
        self.pool.map_async(f, items)
    }

    /// As [`starmap`](MpiExecutor::starmap), but returns as soon as the items have been taken; see
    /// [`Pool::starmap_async`].
    pub fn starmap_async<F, I>(&self, f: F, items: I) -> AsyncResult<Vec<F::Output>>
    where
        I: IntoIterator,
        I::Item: Arguments,
        F: Task<I::Item>,
    {
        self.pool.starmap_async(f, items)
    }

    /// Runs `f` on each item, lazily: an iterator of each item's result or error, in the items'
    /// order; see [`Pool::imap`].
    pub fn imap<F, I>(&self, f: F, items: I) -> Imap<I::IntoIter, F::Output>
    where
        I: IntoIterator,
        (I::Item,): Arguments,
        F: Task<(I::Item,)>,
    {
        self.pool.imap(f, items)
    }

    /// As [`imap`](MpiExecutor::imap), but each result comes as soon as it is there; see
    /// [`Pool::imap_unordered`].
    pub fn imap_unordered<F, I>(&self, f: F, items: I) -> Imap<I::IntoIter, F::Output>
    where
        I: IntoIterator,
        (I::Item,): Arguments,
        F: Task<(I::Item,)>,
    {
        self.pool.imap_unordered(f, items)
    }

    /// The same calls with tasks sent in batches of `chunksize` (at least 1); see
    /// [`Pool::with_chunksize`].
    pub fn with_chunksize(&self, chunksize: usize) -> Batched<'_> {
        self.pool.with_chunksize(chunksize)
    }

    /// The same lazy calls with up to `window` items (at least 1) under way; see
    /// [`Pool::with_window`]. If not set, it is room for 4096 items at least, because a trip
    /// takes longer.
    pub fn with_window(&self, window: usize) -> Batched<'_> {
        self.pool.with_window(window)
    }

    /// Takes no more tasks; what was taken is still done, then the ranks end. See [`Pool::close`].
    pub fn close(&self) {
        self.pool.close();
    }

    /// Waits until all tasks are done, and the ranks have ended; see [`Pool::join`].
    ///
    /// # Errors
    /// [`Error::InvalidState`](crate::Error::InvalidState) if the executor is neither closed nor
    /// terminated.
    pub fn join(&self) -> Result<()> {
        self.pool.join()?;
        self.join_carrier();
        Ok(())
    }

    /// Ends the ranks now. Tasks that are not done fail with
    /// [`Error::Cancelled`](crate::Error::Cancelled).
    pub fn terminate(&self) {
        self.pool.terminate();
        self.join_carrier();
    }

    /// Waits until the ranks have ended.
    fn join_carrier(&self) {
        if self.pool.engine().check().is_err() {
            // The thread is of another process.
            return;
        }
        let carrier = self.carrier.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(carrier) = carrier {
            carrier.join();
        }
    }
}

impl Executor for MpiExecutor {
    fn submit<F, Args>(&self, f: F, args: Args) -> AsyncResult<F::Output>
    where
        F: Task<Args> + Send + Sync,
        Args: Arguments + Send,
        F::Output: Send,
    {
        self.pool.apply_async(f, args)
    }

    fn map<F, I>(&self, f: F, items: I) -> Result<Vec<F::Output>>
    where
        I: IntoIterator,
        (I::Item,): Arguments + Send,
        F: Task<(I::Item,)> + Send + Sync,
        F::Output: Send,
    {
        self.pool.map(f, items)
    }

    /// Takes no more tasks; see [`Executor::shutdown`]. When it returns with `wait`, the other
    /// ranks have ended, and MPI is finalized.
    fn shutdown(&self, wait: bool, cancel_pending: bool) {
        self.pool.shutdown(wait, cancel_pending);
        if wait {
            self.join_carrier();
        }
    }

    fn statistics(&self) -> Statistics {
        self.pool.statistics()
    }
}

/// Ends the ranks. Tasks that are not done are cancelled.
impl Drop for MpiExecutor {
    fn drop(&mut self) {
        self.terminate();
    }
}

impl fmt::Debug for MpiExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MpiExecutor").field("ranks", &self.ranks).field("processes", &self.processes()).finish()
    }
}
