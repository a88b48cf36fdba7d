//! Results that come later, of processes and threads alike.
//!
//! [`AsyncResult`] is the handle that every call returns which does not block. It needs of whatever
//! runs the task what [`pending`] lists: [`process_result`] implements that on the engine,
//! `threads` on its own jobs, and [`foreign_result`] for a copy of the process. [`gather`] decodes
//! what a worker process sent, [`callback`] runs callbacks, and [`wait_several`] and
//! [`as_completed`](mod@as_completed) wait for several results.

mod as_completed;
mod async_result;
mod callback;
mod foreign_result;
mod gather;
mod pending;
mod process_result;
mod wait_several;

pub use as_completed::{AsCompleted, as_completed};
pub use async_result::AsyncResult;
pub(crate) use gather::{Gathered, take_one};
pub use pending::FutureState;
pub(crate) use pending::PendingResult;
pub use wait_several::{ReturnWhen, Waited, wait, wait_for_all, wait_for_any};
