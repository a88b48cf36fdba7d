//! Results that will be there later, of processes and threads alike.
//!
//! [`AsyncResult`] is the handle that every call returns which does not block. What it asks of
//! whoever runs the task is [`Later`]; [`engine`] answers for the pool of processes, `threads` for
//! that of threads. [`called`] runs callbacks, [`wait`] and [`completed`] wait for several,
//! [`elsewhere`] is what they are in a copy of their process, and [`decode`] makes values of what a
//! worker process sent.

mod async_result;
mod called;
mod completed;
mod decode;
mod elsewhere;
mod engine;
mod later;
mod wait;

pub use async_result::AsyncResult;
pub use completed::{AsCompleted, as_completed};
pub(crate) use decode::{Gathered, take_one};
pub use later::FutureState;
pub(crate) use later::Later;
pub use wait::{ReturnWhen, Waited, wait, wait_for_all, wait_for_any};
