//! The executor whose tasks run on the ranks of MPI, and its settings.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use crate::bootstrap;
use crate::cluster::Rank;
use crate::cluster::io_thread::{IoThread, Role};
use crate::cluster::launcher::{Launcher, makes_a_rank};
use crate::cluster::timing::Heartbeat;
use crate::engine::{Config, Engine};
use crate::error::{Error, Result};
use crate::executor::backend::{Backend, CallOptions};
use crate::executor::{Executor, Statistics};
use crate::future::AsyncResult;
use crate::identity::current_process;
use crate::pool::{Pool, PoolBuilder};
use crate::sys::environment;
use crate::sys::exit::{exit_now, flush_stdio};
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
///   [`trace`](PoolBuilder::trace) is refused.
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
    fn alone(config: Config, finish_on_drop: bool) -> Result<Self> {
        let ranks = vec![Rank::own(0, config.max_processes)];
        Ok(Self { pool: Pool::over(Engine::start(config)?), ranks, io_thread: Mutex::default(), finish_on_drop })
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
/// [otherwise](PoolBuilder::finish_on_drop).
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

/// Settings of an [`MpiExecutor`]. Made by [`MpiExecutor::builder`]. They must be the same on every
/// rank.
///
/// ```
/// use std::time::Duration;
/// use multiproc::{Executor, MpiExecutor, Pool};
///
/// # fn main() -> multiproc::Result<()> {
/// let executor = MpiExecutor::builder()
///     .processes_per_rank(2)
///     .pool(Pool::builder().task_timeout(Duration::from_secs(60)))
///     .silence(Duration::from_secs(30))
///     .build()?;
/// assert_eq!(executor.map(|n: u32| n + 1, 0..3u32)?, [1, 2, 3]);
/// # Ok(()) }
/// ```
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct MpiExecutorBuilder {
    pool: PoolBuilder,
    processes: Option<usize>,
    silence: Option<Duration>,
    start_timeout: Option<Duration>,
}

impl MpiExecutorBuilder {
    /// Sets the number of workers of each rank that runs tasks; one for each logical CPU that the
    /// rank may use if not set. Where several ranks share a machine and are not bound to CPUs of
    /// their own, that is too many: set it, or start one rank per machine.
    pub fn processes_per_rank(mut self, processes: usize) -> Self {
        self.processes = Some(processes);
        self
    }

    /// Sets the settings of the pool in which each rank runs its tasks: initializer, time limit,
    /// memory limits, start method. With [`processes_between`](PoolBuilder::processes_between) the
    /// pool of each rank grows and shrinks, and the executor counts the largest number. The name is
    /// that of the rank: `rank1`, `rank2`, …
    pub fn pool(mut self, pool: PoolBuilder) -> Self {
        self.pool = pool;
        self
    }

    /// Sets the time without a message after which a rank counts as lost, and after which the
    /// others end if rank 0 is silent; ten seconds if not set. A thread of each rank that does
    /// nothing else sends a heartbeat four times in that time.
    pub fn silence(mut self, silence: Duration) -> Self {
        self.silence = Some(silence);
        self
    }

    /// Sets the time within which every rank must have come as far as
    /// [`build`](MpiExecutorBuilder::build); two minutes if not set. MPI starts when all are there,
    /// and would wait for ever for one that never comes. Raise it if what stands before the
    /// executor takes longer on one rank than on another.
    pub fn start_timeout(mut self, timeout: Duration) -> Self {
        self.start_timeout = Some(timeout);
        self
    }

    /// Starts the workers of all ranks. Returns on rank 0 only: the others run tasks from here on,
    /// and exit when rank 0 shuts down.
    ///
    /// # Errors
    /// Those of [`PoolBuilder::build`], on whichever rank; [`Error::Config`] for a
    /// [`trace`](PoolBuilder::trace), which has no place for other machines;
    /// [`Error::RankMismatch`] for a rank that runs another build, [`Error::RankLost`] for one that
    /// sends nothing for ten seconds (or the [silence](MpiExecutorBuilder::silence), if that is
    /// longer) once MPI has started.
    /// [`Error::InvalidState`] if a rank does not come in
    /// [time](MpiExecutorBuilder::start_timeout); if MPI says that this is the only rank and the
    /// environment speaks of several, because the program was started by the launcher of another
    /// MPI; if this process has used MPI before, or is a worker.
    pub fn build(self) -> Result<MpiExecutor> {
        let heartbeat = Heartbeat::new(self.silence)?;
        let pool = match self.processes {
            Some(processes) => self.pool.processes(processes),
            None => self.pool,
        };
        let finish_on_drop = pool.finishes_on_drop();
        let config = pool.config()?;
        if config.trace {
            return Err(Error::Config(
                "a trace is of the workers of one machine, and an MpiExecutor has others: leave `trace` out, and see \
                 `statistics`, or trace a Pool"
                    .into(),
            ));
        }
        bootstrap::require_init()?;
        if current_process().depth > 0 {
            return Err(Error::InvalidState("only the program itself can be a rank, not a worker of a pool".into()));
        }
        let launcher = Launcher::from_environment();
        if !launcher.is_there() {
            return MpiExecutor::alone(config, finish_on_drop);
        }
        environment::hide(makes_a_rank);
        match IoThread::start(config.clone(), heartbeat, launcher, self.start_timeout)? {
            Role::Alone => MpiExecutor::alone(config, finish_on_drop),
            Role::First(thread, engine, ranks) => {
                let (pool, io_thread) = (Pool::over(engine), Mutex::new(Some(thread)));
                Ok(MpiExecutor { pool, ranks, io_thread, finish_on_drop })
            }
            Role::Served(code) => {
                flush_stdio();
                exit_now(code)
            }
        }
    }
}
