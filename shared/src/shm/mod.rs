//! Shared memory that the public types of [`sync`](crate::sync) and [`queue`](crate::queue) stand
//! on.
//!
//! A [`region`] is a mapping with a header, of a known kind, that is sent by its descriptor;
//! [`plain`] lends its elements as Rust values. A [`slot`] belongs to one thread at a time and is
//! released when its process ends, and [`handle_registry`] records which processes have a handle.
//! Waiting is done at an [`eventcount`], whose sleeps are bounded, so that a waiter looks again if
//! the process that was to wake it was killed.

mod eventcount;
pub(crate) mod handle_registry;
mod plain;
pub(crate) mod region;
pub(crate) mod slot;

pub(crate) use eventcount::{EventCount, SLICE};
pub(crate) use handle_registry::unregister_all;
