//! A pool that is as large as MPI makes it: ranks on several machines, each with a pool of worker
//! processes.
//!
//! - [`executor`]: the calls, and settings; [`rank`]: descriptions of ranks;
//! - [`io_thread`]: the thread that makes all MPI calls, and runs the [`dispatcher`] on rank 0, the
//!   [`server`] on every other rank;
//! - [`peer`]: a serving rank as rank 0 sees it; [`balancer`]: which of them gets the next chunk;
//!   [`local_jobs`]: the jobs that a serving rank has;
//! - [`protocol`]: the messages; [`transport`]: MPI;
//! - [`timing`]: when a rank is lost, and how often to look for messages.
//!
//! The tasks are those of an engine without workers (`crate::engine`), so that
//! everything that a pool's calls and handles do is here as well. A serving rank relays its chunks
//! to the engine of its own pool.

mod balancer;
mod dispatcher;
mod executor;
mod io_thread;
mod local_jobs;
mod peer;
mod protocol;
mod rank;
mod server;
mod timing;
mod transport;

pub use executor::{MpiExecutor, MpiExecutorBuilder};
pub use rank::Rank;
