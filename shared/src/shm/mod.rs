//! Shared memory that the public types of [`sync`](crate::sync) and [`queue`](crate::queue) stand
//! on.
//!
//! A [`region`] is a mapping with a header, of a known kind, that is sent by its descriptor. The
//! words of [`holders`] show that a thread or process that had something there was killed. Waiting
//! is done at an [`eventcount`], whose sleeps are bounded, so that a waiter looks again if the
//! process that was to wake it was killed. A [`watcher`] sleeps there for those that have no thread
//! to sleep with.

mod eventcount;
pub(crate) mod holders;
pub(crate) mod region;
mod watcher;

pub(crate) use eventcount::{EventCount, SLICE};
pub(crate) use holders::unregister_all;
pub(crate) use watcher::{Watch, Watched};
