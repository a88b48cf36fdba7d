//! Settings of a cluster.

use std::env;
use std::sync::Mutex;
use std::time::Duration;

use crate::bootstrap;
use crate::cluster::executor::MpiExecutor;
use crate::cluster::heartbeat::Heartbeat;
use crate::cluster::io_thread::{IoThread, Role};
use crate::cluster::rank::Rank;
use crate::engine::{Config, Engine};
use crate::error::{Error, Result};
use crate::identity::current_process;
use crate::pool::{Pool, PoolBuilder};
use crate::sys::exit;
use crate::sys::exit::exit_now;

/// The variables that launchers set in the environment of each rank: Open MPI's `mpirun`, PMIx
/// (Slurm's `srun --mpi=pmix`), PMI (MPICH, `srun --mpi=pmi2`).
const LAUNCHERS: [&str; 3] = ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"];

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
    /// memory limits, start method.
    pub fn pool(mut self, pool: PoolBuilder) -> Self {
        self.pool = pool;
        self
    }

    /// Sets the time without a message after which a rank counts as lost, and after which the
    /// others end if rank 0 is silent; ten seconds if not set. Ranks that have nothing to send send
    /// a heartbeat four times in that time.
    pub fn silence(mut self, silence: Duration) -> Self {
        self.silence = Some(silence);
        self
    }

    /// Starts the workers of all ranks. Returns on rank 0 only: the others run tasks from here on,
    /// and exit when rank 0 shuts down.
    ///
    /// # Errors
    /// Those of [`PoolBuilder::build`], on whichever rank; [`Error::RankMismatch`] for a rank that
    /// runs another build, [`Error::RankLost`] for one that sends nothing; [`Error::Config`] if
    /// this process has used MPI before, or is a worker.
    pub fn build(self) -> Result<MpiExecutor> {
        let heartbeat = Heartbeat::new(self.silence)?;
        let pool = match self.processes {
            Some(processes) => self.pool.processes(processes),
            None => self.pool,
        };
        let config = pool.config()?;
        bootstrap::require_init()?;
        if current_process().depth > 0 {
            return Err(Error::InvalidState("only the program itself can be a rank, not a worker of a pool".into()));
        }
        if LAUNCHERS.iter().all(|name| env::var_os(name).is_none()) {
            return MpiExecutor::alone(config);
        }
        match IoThread::start(config.clone(), heartbeat)? {
            Role::Alone => MpiExecutor::alone(config),
            Role::First(thread, engine, ranks) => {
                Ok(MpiExecutor { pool: Pool::over(engine), ranks, io_thread: Mutex::new(Some(thread)) })
            }
            Role::Served(code) => {
                exit::flush_stdio();
                exit_now(code)
            }
        }
    }
}

impl MpiExecutor {
    /// Returns a builder for an executor with other settings.
    pub fn builder() -> MpiExecutorBuilder {
        MpiExecutorBuilder::default()
    }

    /// Returns the executor of the only rank: the tasks run in a pool of this process.
    fn alone(config: Config) -> Result<Self> {
        let rank = Rank::own(0, config.processes);
        Ok(Self { pool: Pool::over(Engine::start(config)?), ranks: vec![rank], io_thread: Mutex::default() })
    }
}
