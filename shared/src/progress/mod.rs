//! What has become of a call so far: a part of every backend, below all of them.
//!
//! [`result_order`] puts results that arrive in any order in order, [`call_progress`] counts the
//! chunks of a call and keeps what its end wakes and runs, and [`callback_thread`] runs callbacks.

mod call_progress;
mod callback_thread;
mod result_order;

pub(crate) use call_progress::{CallProgress, Completions};
pub(crate) use callback_thread::CallbackThread;

/// Runs when a call is done, on its pool's callback thread.
pub(crate) type WhenDone = Box<dyn FnOnce() + Send>;
