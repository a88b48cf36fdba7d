//! Pipes: two processes exchange messages.
//!
//! A pipe is two byte rings in shared memory, one each way, and a socket pair. Messages go through
//! the rings, without a system call while both sides are busy. The socket carries what rings
//! cannot: the wake-up of a side that sleeps, handles, and the end of the pipe, however the process
//! at the other end ended. A message larger than its ring streams through it.
//!
//! [`Connection`] is the typed end, [`end`] sends and receives bytes, and [`notifier`] sleeps until
//! the other end sends a wake-up. With the feature `tokio`, `asynchronous` does in async functions
//! what `end` does. An end is sent to another process by its two descriptors ([`serialize`]).

#[cfg(feature = "tokio")]
mod asynchronous;
mod connection;
mod end;
mod notifier;
mod serialize;

#[cfg(feature = "tokio")]
pub(crate) use asynchronous::require_runtime;
pub use connection::{Connection, pipe};
pub(crate) use notifier::poll_timeout;
