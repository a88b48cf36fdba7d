//! A pool that is as large as MPI makes it: ranks on several machines, each with a pool of worker
//! processes.
//!
//! [`executor`] has the calls and [`builder`] starts the ranks; [`dispatcher`] is rank 0, to which
//! the others are each a [`peer`], and [`server`] is every other. [`protocol`] is what they say,
//! [`transport`] how; [`roster`] decides who gets what, [`pace`] how often to look.
//!
//! The tasks are those of an engine without workers (`crate::engine`, `outside`), so that
//! everything that a pool's calls and handles do is here as well. A serving rank relays what it
//! gets to the engine of its own pool.

mod builder;
mod dispatcher;
mod executor;
mod pace;
mod peer;
mod protocol;
mod rank;
mod roster;
mod server;
mod transport;

pub use builder::MpiExecutorBuilder;
pub use executor::MpiExecutor;
pub use rank::Rank;
