//! Settings of a cluster, and its start.

use std::env;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::bootstrap;
use crate::cluster::dispatcher::{Dispatcher, Remains, dismiss};
use crate::cluster::protocol::{Greeting, Head, Kind, Parcels, push};
use crate::cluster::server::Server;
use crate::cluster::transport::Transport;
use crate::cluster::{MpiExecutor, Rank};
use crate::engine::{Config, Engine};
use crate::error::{Context, Error, Result};
use crate::identity::{build_id, current_process};
use crate::pool::{Pool, PoolBuilder};
use crate::sys::process;

/// How long a rank may be silent if the caller says nothing.
const SILENCE: Duration = Duration::from_secs(10);

/// The least that makes sense: a busy machine may keep a process waiting for some hundredths of a
/// second.
const LEAST_SILENCE: Duration = Duration::from_millis(100);

/// What launchers put into the environment of each rank: Open MPI's `mpirun`, PMIx (Slurm's `srun
/// --mpi=pmix`), PMI (MPICH, `srun --mpi=pmi2`).
const LAUNCHERS: [&str; 3] = ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"];

/// Settings of an [`MpiExecutor`]; made by [`MpiExecutor::builder`]. Every rank must be given the
/// same ones.
///
/// ```
/// use std::time::Duration;
/// use multiproc::{MpiExecutor, Pool};
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
    /// The number of workers of each rank that runs tasks; one for each logical CPU that the rank
    /// may use if not set. Where several ranks share a machine and are not bound to CPUs of
    /// their own, that is too many: set it, or start one rank a machine.
    pub fn processes_per_rank(mut self, processes: usize) -> Self {
        self.processes = Some(processes);
        self
    }

    /// The settings of the pool in which each rank runs its tasks: initializer, time limit, memory
    /// limits, start method.
    pub fn pool(mut self, pool: PoolBuilder) -> Self {
        self.pool = pool;
        self
    }

    /// How long nothing may be heard from a rank until it counts as lost, and from rank 0 until the
    /// others end; ten seconds if not set. Ranks that have nothing to say give a sign of life
    /// four times in that time.
    pub fn silence(mut self, silence: Duration) -> Self {
        self.silence = Some(silence);
        self
    }

    /// Starts the workers of all ranks. It comes back on rank 0 only: the others run tasks from
    /// here on, and exit when rank 0 shuts down.
    ///
    /// # Errors
    /// Those of [`PoolBuilder::build`], on whichever rank; [`Error::RankMismatch`] for a rank that
    /// runs another build, [`Error::RankLost`] for one that is not heard from;
    /// [`Error::Config`] if this process has used MPI before, or is a worker.
    pub fn build(self) -> Result<MpiExecutor> {
        let silence = self.silence.unwrap_or(SILENCE);
        if silence < LEAST_SILENCE {
            return Err(Error::Config("the silence that a rank is allowed must be 100 ms or more".into()));
        }
        let pool = match self.processes {
            Some(processes) => self.pool.processes(processes),
            None => self.pool,
        };
        let config = pool.config()?;
        bootstrap::require_init()?;
        if current_process().depth > 0 {
            return Err(Error::Config("only the program itself can be a rank, not a worker of a pool".into()));
        }
        if LAUNCHERS.iter().all(|name| env::var_os(name).is_none()) {
            return MpiExecutor::alone(config);
        }
        let (sender, started) = channel();
        let (over, ended) = channel();
        let spare = config.clone();
        let builder = thread::Builder::new().name("multiproc-mpi".into());
        let thread = builder.spawn(move || run(config, silence, &sender, &over)).context("cannot start a thread")?;
        match started.recv() {
            Ok(Start::Alone) => {
                // It has nothing more to do, and does not panic.
                let _ = thread.join();
                MpiExecutor::alone(spare)
            }
            Ok(Start::First(Ok((engine, ranks)))) => {
                let carrier = Some(Carrier { thread, ended });
                Ok(MpiExecutor { pool: Pool::over(engine), ranks, carrier: Mutex::new(carrier) })
            }
            Ok(Start::First(Err(error))) => {
                Carrier { thread, ended }.join();
                Err(error)
            }
            // A serving rank is at its end.
            Err(_) => {
                let code = thread.join().unwrap_or(1);
                process::flush_stdio();
                process::exit_now(code)
            }
        }
    }
}

/// The thread that makes all MPI calls.
pub(super) struct Carrier {
    thread: JoinHandle<i32>,
    /// Told when the ranks have ended, or have been left: whether the thread stays.
    ended: Receiver<bool>,
}

impl Carrier {
    /// Waits until the ranks have ended, or have been left.
    pub(super) fn join(self) {
        if let Ok(false) | Err(_) = self.ended.recv() {
            // It runs no code of others, so it does not panic.
            let _ = self.thread.join();
        }
    }
}

/// What the thread that makes all MPI calls tells the builder.
enum Start {
    /// There is one rank only.
    Alone,
    /// This is rank 0, and the others are there, or not.
    First(Result<(Arc<Engine>, Vec<Rank>)>),
}

/// The life of the thread that makes all MPI calls; says with which code a serving rank is to exit.
fn run(config: Config, silence: Duration, started: &Sender<Start>, over: &Sender<bool>) -> i32 {
    // The builder waits for what is sent here.
    let tell = |start| drop(started.send(start));
    let transport = match Transport::new() {
        Ok(transport) => transport,
        Err(error) => {
            tell(Start::First(Err(error)));
            return 1;
        }
    };
    if transport.size() == 1 {
        transport.finalize();
        tell(Start::Alone);
        return 0;
    }
    if transport.rank() > 0 {
        return serve(config, transport, silence);
    }
    let mut transport = transport;
    let (ranks, trouble) = greet(&mut transport, silence);
    let workers = ranks.iter().map(|rank| rank.processes).sum();
    let engine = match trouble {
        None => Engine::without_workers(config, workers),
        Some(error) => Err(error),
    };
    match engine {
        Ok(engine) => {
            let dispatcher = Dispatcher::new(engine.clone(), transport, &ranks, silence);
            tell(Start::First(Ok((engine, ranks))));
            leave(dispatcher.run(), over);
        }
        Err(error) => {
            let others = transport.size() - 1;
            let heard = |rank: &usize| ranks.iter().any(|it| it.rank == *rank);
            let lost: Vec<bool> = (1..=others).map(|rank| !heard(&rank)).collect();
            let remains = dismiss(transport, &lost, silence);
            tell(Start::First(Err(error)));
            leave(remains, over);
        }
    }
    0
}

/// Says that the ranks have ended, or keeps those that cannot.
fn leave(remains: Option<Remains>, over: &Sender<bool>) {
    // Whoever has the executor waits for this, or has left it to the end of the process.
    let _ = over.send(remains.is_some());
    if let Some(remains) = remains {
        remains.keep()
    }
}

/// Rank 0 hears who the others are: those it heard, and what speaks against beginning.
fn greet(transport: &mut Transport, silence: Duration) -> (Vec<Rank>, Option<Error>) {
    let own = build_id();
    // A rank that begins may have much to do before it can speak.
    let patience = silence.max(SILENCE);
    let (began, others) = (Instant::now(), transport.size() - 1);
    let mut ranks: Vec<Rank> = Vec::new();
    let mut trouble = own.as_ref().err().cloned();
    while ranks.len() < others {
        let Some((from, message)) = transport.receive() else {
            if began.elapsed() > patience {
                let missing = (1..=others).find(|rank| ranks.iter().all(|heard| heard.rank != *rank)).unwrap_or(0);
                let (host, silent_for) = ("an unknown machine".into(), began.elapsed());
                return (ranks, trouble.or(Some(Error::RankLost { rank: missing, host, silent_for })));
            }
            thread::sleep(Duration::from_micros(200));
            continue;
        };
        let Some(Ok((Kind::Hello, _, payload))) = Parcels(&message).next() else { continue };
        let (rank, error) = match postcard::from_bytes::<Greeting>(payload) {
            Ok(Greeting { build, rank, .. }) if own.as_ref().is_ok_and(|own| *own != build) => {
                let error = Error::RankMismatch { rank: from, host: rank.host.clone() };
                (rank, Some(error))
            }
            Ok(Greeting { rank, trouble, .. }) => (rank, trouble),
            Err(_) => {
                let rank = Rank { rank: from, host: "an unknown machine".into(), pid: 0, processes: 0 };
                let error = Error::RankMismatch { rank: from, host: rank.host.clone() };
                (rank, Some(error))
            }
        };
        trouble = trouble.or(error);
        ranks.push(Rank { rank: from, ..rank });
    }
    ranks.sort_by_key(|rank| rank.rank);
    (ranks, trouble)
}

/// The life of a serving rank.
fn serve(config: Config, mut transport: Transport, silence: Duration) -> i32 {
    let rank = transport.rank();
    let config = Config { name: format!("rank{rank}"), reject_at: u64::MAX, ..config };
    let processes = config.processes;
    let (build, mut trouble) = match build_id() {
        Ok(build) => (build, None),
        Err(error) => (String::new(), Some(error)),
    };
    let engine = Engine::start(config.clone()).or_else(|error| {
        // Rank 0 is told, and gives this rank nothing to do.
        trouble = Some(error);
        Engine::without_workers(config, 0)
    });
    let Ok(engine) = engine else { return 1 };
    let greeting = Greeting { build, rank: Rank::own(rank, processes), trouble };
    let mut message = Vec::new();
    // Plain texts and numbers: postcard has nothing to refuse in them.
    push(&mut message, Head::new(Kind::Hello), &postcard::to_stdvec(&greeting).unwrap_or_default());
    transport.send(0, message);
    Server::new(engine, transport, silence).serve()
}

impl MpiExecutor {
    /// A cluster with settings of its own.
    pub fn builder() -> MpiExecutorBuilder {
        MpiExecutorBuilder::default()
    }

    /// With one rank: the tasks run in a pool of this process.
    fn alone(config: Config) -> Result<Self> {
        let rank = Rank::own(0, config.processes);
        Ok(Self { pool: Pool::over(Engine::start(config)?), ranks: vec![rank], carrier: Mutex::default() })
    }
}
