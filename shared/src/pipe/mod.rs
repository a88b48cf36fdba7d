//! Pipes: two processes talk to each other.
//!
//! A pipe is two byte rings in shared memory, one each way, and a socket pair. Messages go through
//! the rings, without a system call while both sides are busy; the socket carries what rings
//! cannot: the wake-up of a side that sleeps, handles, and the news that the other end is gone,
//! whichever way its process ended. A message larger than its ring streams through it.
//!
//! [`Connection`] is the typed end, [`end`] sends and receives bytes, [`notifier`] sleeps.
//! With the feature `tokio`, `asynchronous` does in async functions what `end` does.

#[cfg(feature = "tokio")]
mod asynchronous;
mod connection;
mod end;
mod notifier;
mod travel;

#[cfg(feature = "tokio")]
pub(crate) use asynchronous::in_runtime;
pub use connection::{Connection, pipe};
pub(crate) use notifier::timeout;
