//! Pipes: two processes exchange messages.
//!
//! A pipe is two byte rings in shared memory, one each way, and a socket pair. Messages go through
//! the rings, without a system call while both sides are busy. The socket carries what rings
//! cannot: the wake-up of a side that sleeps, handles, and the end of the pipe, however the process
//! at the other end ended. A message larger than its ring streams through it.
//!
//! [`Connection`] is the typed end. An [`end`] sends and receives bytes, and sleeps at its
//! [notifier](channel_notifier) until the other end sends a wake-up. With the feature `tokio`,
//! `asynchronous` does in async functions what `end` does.

#[cfg(feature = "tokio")]
mod asynchronous;
mod channel_notifier;
mod connection;
mod end;

#[cfg(feature = "tokio")]
pub(crate) use asynchronous::require_runtime;
pub use connection::{Connection, pipe};
