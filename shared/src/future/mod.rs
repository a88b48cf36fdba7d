//! Results that come later, of processes and threads alike.
//!
//! [`AsyncResult`] is the handle that every call returns which does not block. It needs of whatever
//! runs the task what [`pending`] lists, and implements on the engine; `threads` implements it on
//! its own jobs; [`source`] is either of them. [`gather`] decodes what a worker process sent,
//! [`callback`] runs callbacks, [`wait_several`] waits for several results, and [`cancel_on_drop`]
//! stops a task whose result is not wanted any more.

mod async_result;
mod callback;
mod cancel_on_drop;
mod gather;
mod pending;
mod source;
mod wait_several;

pub use async_result::AsyncResult;
pub use cancel_on_drop::CancelOnDrop;
pub(crate) use gather::{Gathered, add_each, take_one};
pub use pending::FutureState;
pub(crate) use pending::PendingResult;
pub use wait_several::{AsCompleted, ReturnWhen, Waited, as_completed, wait, wait_for_all, wait_for_any};
