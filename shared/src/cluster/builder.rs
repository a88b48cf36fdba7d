//! Settings of an executor on the ranks of MPI.

use std::time::Duration;

use crate::bootstrap;
use crate::cluster::executor::MpiExecutor;
use crate::cluster::io_thread::{IoThread, Role};
use crate::cluster::launcher::{Launcher, makes_a_rank};
use crate::cluster::timing::Heartbeat;
use crate::error::{Error, Result};
use crate::identity::current_process;
use crate::pool::PoolBuilder;
use crate::sys::environment;
use crate::sys::exit::{exit_now, flush_stdio};

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
            Role::First(thread, engine, ranks) => Ok(MpiExecutor::first(thread, engine, ranks, finish_on_drop)),
            Role::Served(code) => {
                flush_stdio();
                exit_now(code)
            }
        }
    }
}
