//! A pool that is as large as MPI makes it: ranks on several machines, each with a pool of worker
//! processes.
//!
//! - [`Rank`]: a description of a rank; [`executor`]: the calls; [`builder`]: the settings;
//! - [`io_thread`]: the thread that makes all MPI calls, and runs the [`dispatcher`] on rank 0, the
//!   [`server`] on every other rank;
//! - [`launcher`]: what the environment says of the ranks, to be compared with what MPI says;
//! - [`peer`]: a serving rank as rank 0 sees it; [`balancer`]: which of them gets the next chunk;
//!   [`local_jobs`]: the jobs that a serving rank has;
//! - [`protocol`]: what the messages say; [`transport`]: the connection, [`messages`]: what is
//!   under way on it, [`inbox`]: what has come from a rank, [`requests`]: MPI;
//! - [`timing`]: when a rank is lost, and how often to look for messages.
//!
//! The tasks are those of an engine without workers, so that everything that a pool's calls and
//! handles do is here as well. A serving rank relays its chunks to the engine of its own pool.

mod balancer;
mod builder;
mod dispatcher;
mod executor;
mod inbox;
mod io_thread;
mod launcher;
mod local_jobs;
mod messages;
mod peer;
mod protocol;
mod requests;
mod server;
mod timing;
mod transport;

use std::fs;

use serde::{Deserialize, Serialize};

pub use builder::MpiExecutorBuilder;
pub use executor::MpiExecutor;

/// A rank that runs tasks. Returned by [`MpiExecutor::ranks`](crate::MpiExecutor::ranks).
///
/// ```
/// use multiproc::MpiExecutor;
///
/// # fn main() -> multiproc::Result<()> {
/// let executor = MpiExecutor::new()?;
/// for rank in executor.ranks() {
///     println!("rank {} on {}: {} workers", rank.rank, rank.host, rank.processes);
/// }
/// # assert_eq!(executor.ranks().len(), 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Rank {
    /// The number among the ranks that the program was started with.
    pub rank: usize,
    /// The name of the machine.
    pub host: String,
    /// The process id on that machine, of the parent of the workers.
    pub pid: u32,
    /// The number of workers; the largest one, of a pool that
    /// [grows](crate::PoolBuilder::processes_between).
    pub processes: usize,
}

impl Rank {
    /// Returns the description of this process.
    fn own(rank: usize, processes: usize) -> Self {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self { rank, host: host.trim().to_string(), pid: std::process::id(), processes }
    }

    /// Returns the description of a rank of which only the number is known.
    fn unknown(rank: usize) -> Self {
        Self { rank, host: "an unknown machine".into(), pid: 0, processes: 0 }
    }
}
