//! Queues: many processes put values in, many take them out.
//!
//! A queue is a ring of bytes in shared memory with a lock at each end, so that one who puts and
//! one who takes do not meet. Both locks are [robust](crate::sys::mutex), and each operation takes
//! effect by a single store: a process that is killed before it has put nothing or taken nothing,
//! after it the others see all of it. After the two-lock queue of Michael and Scott, "Simple, Fast,
//! and Practical Non-Blocking and Blocking Concurrent Queue Algorithms" (1996), with a ring that
//! grows in place of their list.
//!
//! A [`PriorityQueue`] is a [`log`] of values in shared memory under one such lock; see there.
//!
//! [`fifo`] is the typed queue, [`ring`] its memory, [`layout`] the words there, [`common`] what
//! queues wait with, [`presence`] knows whether another process is there and [`others`] whether
//! another thread is, [`PutError`] gives back what could not be put.

#[cfg(feature = "tokio")]
mod asynchronous;
mod common;
mod fifo;
mod layout;
mod log;
mod others;
mod presence;
mod priority;
mod put_error;
mod ring;
mod scratch;

pub use fifo::{Iter, Queue};
pub use priority::PriorityQueue;
pub use put_error::PutError;

use serde::Serialize;

use self::scratch::with_buffer;
use crate::error::Result;
use crate::{codec, fds};

/// Hands the bytes of `value` to `put`: where they lie, if it is plain data.
fn encode<T: Serialize + 'static>(value: &T, put: impl FnOnce(&[u8]) -> Result<()>) -> Result<()> {
    const NO_HANDLES: &str = "a value with a handle in it (connection, queue, lock, …) cannot go through a queue: give the handle to the \
         process as an argument, or send it through a Connection";
    if let Some(bytes) = codec::view(value) {
        return put(bytes);
    }
    with_buffer(|bytes| {
        fds::forbid(NO_HANDLES, || codec::guard_encoding::<T>(|| codec::encode_ref(value, bytes)))?;
        put(bytes)
    })
}
