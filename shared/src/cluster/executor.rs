//! The executor whose tasks run on the ranks of MPI.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use crate::cluster::Rank;
use crate::cluster::builder::MpiExecutorBuilder;
use crate::cluster::io_thread::IoThread;
use crate::engine::{Config, Engine};
use crate::error::{Error, Result};
use crate::executor::backend::Backend;
use crate::executor::{CallOptions, Executor, Statistics};
use crate::future::AsyncResult;
use crate::pool::Pool;
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
/// one rank, or without `mpirun`, the program runs its tasks in a pool of its own process. Started
/// by the launcher of another MPI, each rank would do so; that is an error.
///
/// Everything else is as with a pool, and its settings apply on every rank
/// ([`pool`](crate::MpiExecutorBuilder::pool)): functions travel by name, so that every machine
/// must have the very same executable, which is checked at the start; a panic, an abort or a
/// `kill -9` of a task costs that task. What names a process in an error (`pid`) is a process of
/// the machine where the task ran.
///
/// Work goes where there is room. Each rank gets a chunk for each of its workers, and chunks in
/// advance for 20 ms, by what tasks of the same function took before; what waits on one rank while
/// another has nothing to do is asked back.
///
/// # What can be lost
/// A rank from which nothing is heard for [ten seconds](crate::MpiExecutorBuilder::silence) is
/// lost: its machine has stopped, or cannot be reached. A thread of its own sends heartbeats, so
/// that a rank with much to do is not taken for lost. The tasks that it had fail with
/// [`Error::RankLost`](crate::Error::RankLost), begun or not, unless they are to be [tried
/// again](Executor::with_retries); all others go on, on the ranks that are left, and
/// [`processes`](Executor::processes) counts those. With none left, every task fails with that
/// error. A rank that hears nothing from rank 0 for so long ends.
///
/// MPI itself promises less. Open MPI ends the whole program, rank 0 included, when the process of
/// a rank (not of a task) is killed, unless `mpirun` is given `--enable-recovery`. After a loss MPI
/// is not finalized, which would wait for the rank that is gone: `mpirun` may then report that, and
/// exit with a status that is not 0, although the program went on to its end. The ranks that are
/// left stay until then, with nothing to do.
///
/// [`shutdown`](Executor::shutdown) and [`join`](Executor::join) return when the other ranks have
/// ended and MPI is finalized.
///
/// # Limits
/// - Handles (of a pipe's end, a queue, a lock) stand for something on one machine and are refused:
///   [`Error::Encode`](crate::Error::Encode). A [`Manager`](crate::Manager) that listens on TCP
///   serves other machines.
/// - One executor in the life of a process: MPI can be started once.
/// - A [`Recording`](crate::Recording) has no tasks of other ranks in it;
///   [`trace`](crate::PoolBuilder::trace) is refused.
/// - Workers do not have the variables by which a launcher tells a process that it is a rank, such
///   as `OMPI_COMM_WORLD_RANK`: what a task starts is no rank, and may start ranks itself. (Those
///   of [`StartMethod::Fork`](crate::StartMethod::Fork) have them; it works on a single rank only.)
///
/// ```
/// use multiproc::{Executor, MpiExecutor};
///
/// # fn main() -> multiproc::Result<()> {
/// let executor = MpiExecutor::new()?; // from here on, rank 0 alone
/// let squares = executor.map(|n: u64| n * n, 0..5u64)?;
/// assert_eq!(squares, [0, 1, 4, 9, 16]);
/// # Ok(()) }
/// ```
///
/// Python's counterpart: `mpi4py.futures.MPIPoolExecutor`.
pub struct MpiExecutor {
    /// The calls of a pool, on an engine whose tasks the other ranks run, or on one with workers if
    /// there is one rank only.
    pool: Pool,
    ranks: Vec<Rank>,
    /// The thread that makes all MPI calls, if there are other ranks.
    io_thread: Mutex<Option<IoThread>>,
    finish_on_drop: bool,
}

impl MpiExecutor {
    /// Starts an executor with a worker for each logical CPU that each rank may use; see
    /// [`MpiExecutorBuilder::build`](crate::MpiExecutorBuilder::build) for what it does and for its
    /// errors.
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// Returns a builder for an executor with other settings.
    pub fn builder() -> MpiExecutorBuilder {
        MpiExecutorBuilder::default()
    }

    /// Returns the executor of the only rank: the tasks run in a pool of this process.
    pub(super) fn alone(config: Config, finish_on_drop: bool) -> Result<Self> {
        let ranks = vec![Rank::own(0, config.max_processes)];
        Ok(Self { pool: Pool::over(Engine::start(config)?), ranks, io_thread: Mutex::default(), finish_on_drop })
    }

    /// Returns the executor of rank 0, whose tasks the I/O thread sends to the other ranks.
    pub(super) fn first(io_thread: IoThread, engine: Arc<Engine>, ranks: Vec<Rank>, finish_on_drop: bool) -> Self {
        Self { pool: Pool::over(engine), ranks, io_thread: Mutex::new(Some(io_thread)), finish_on_drop }
    }

    /// Returns the ranks that run tasks, as they were at the start. Rank 0 is not one of them,
    /// unless it is the only one.
    #[must_use]
    pub fn ranks(&self) -> &[Rank] {
        &self.ranks
    }

    /// Returns the statistics of each of [`ranks`](MpiExecutor::ranks), in the same order: of the
    /// tasks that were sent to it, and of its workers, as it last told rank 0. A rank reports with
    /// its results, and otherwise about twenty times a second, or once a second while it runs no
    /// task; of one that is lost, its last report stays, but for what ran there.
    /// [`statistics`](Executor::statistics) counts all tasks, also those that have not been sent
    /// yet.
    ///
    /// ```
    /// use multiproc::{Executor, MpiExecutor};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let executor = MpiExecutor::new()?;
    /// executor.map(|n: u64| n * n, 0..1000u64)?;
    /// for (rank, statistics) in executor.ranks().iter().zip(executor.statistics_by_rank()) {
    ///     println!("{}: {} tasks in {:?}", rank.host, statistics.completed, statistics.run_time);
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn statistics_by_rank(&self) -> Vec<Statistics> {
        let is_alone = self.ranks[0].rank == 0;
        let mut statistics = if is_alone { vec![self.statistics()] } else { self.pool.statistics_of_servers() };
        // None has come yet from the last ones.
        statistics.resize(self.ranks.len(), Statistics::default());
        statistics
    }

    /// Waits until the ranks have ended.
    fn join_io_thread(&self) {
        if self.pool.check().is_err() {
            // The thread is of another process.
            return;
        }
        let io_thread = self.io_thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(io_thread) = io_thread {
            io_thread.join();
        }
    }
}

impl Backend for MpiExecutor {
    type Call<F, Args>
        = <Pool as Backend>::Call<F, Args>
    where
        F: Task<Args>,
        Args: Arguments;

    fn check(&self) -> Result<()> {
        self.pool.check()
    }

    fn breadth(&self) -> usize {
        self.pool.breadth()
    }

    fn min_window(&self) -> usize {
        self.pool.min_window()
    }

    fn begin<F, Args>(&self, f: F, ordered: bool, options: CallOptions) -> Result<Self::Call<F, Args>>
    where
        F: Task<Args>,
        Args: Arguments,
    {
        self.pool.begin(f, ordered, options)
    }

    fn wake_when_over(&self, waker: &Waker) -> bool {
        self.pool.wake_when_over(waker)
    }

    fn failed<R: Send + 'static>(&self, error: Error) -> AsyncResult<R> {
        self.pool.failed(error)
    }
}

impl Executor for MpiExecutor {
    fn processes(&self) -> usize {
        self.pool.processes()
    }

    fn close(&self) {
        self.pool.close();
    }

    /// Waits until all tasks are done, the other ranks have ended, and MPI is finalized; see
    /// [`Executor::join`].
    fn join(&self) -> Result<()> {
        self.pool.join()?;
        self.join_io_thread();
        Ok(())
    }

    fn join_timeout(&self, timeout: Duration) -> Result<()> {
        self.pool.join_timeout(timeout)?;
        self.join_io_thread();
        Ok(())
    }

    fn terminate(&self) {
        self.pool.terminate();
        self.join_io_thread();
    }

    fn cancel_pending(&self) {
        self.pool.cancel_pending();
    }

    fn statistics(&self) -> Statistics {
        self.pool.statistics()
    }
}

/// Ends the ranks. Tasks that are not done are cancelled, unless the pool's builder says
/// [otherwise](crate::PoolBuilder::finish_on_drop).
impl Drop for MpiExecutor {
    fn drop(&mut self) {
        if self.finish_on_drop && !thread::panicking() {
            self.shutdown();
        }
        self.terminate();
    }
}

impl fmt::Debug for MpiExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MpiExecutor").field("ranks", &self.ranks).field("processes", &self.processes()).finish()
    }
}
