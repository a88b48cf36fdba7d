//! What an [`AsyncResult`](crate::AsyncResult) needs of whatever runs its task.

use std::task::Waker;
use std::time::Instant;

use crate::error::Result;
use crate::progress::WhenDone;

/// How far a task is; see [`AsyncResult::state`](crate::AsyncResult::state).
///
/// Python's counterparts: `Future.running`, `done` and `cancelled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FutureState {
    /// It has not begun.
    Pending,
    /// It has begun. Of a map: some of its tasks have.
    Running,
    /// It has ended, successfully or not.
    Done,
    /// It was cancelled, and has no other result. Of a map: some of its tasks were.
    Cancelled,
}

/// A task, or several of one call: the other side of an [`AsyncResult`](crate::AsyncResult).
pub(crate) trait PendingResult<R>: Send + Sync {
    /// Returns whether all tasks have ended. May first move tasks and results.
    fn is_done(&self) -> bool;

    /// Waits until all tasks have ended. Returns `false` if the deadline came first.
    fn wait_done(&self, deadline: Option<Instant>) -> bool;

    /// Waits until `done` is true, after which another thread calls
    /// [`notify`](PendingResult::notify). Returns `false` if the deadline came first.
    fn wait_for(&self, deadline: Option<Instant>, done: &dyn Fn() -> bool) -> bool;

    /// Wakes the threads that [wait](PendingResult::wait_for), to check again.
    fn notify(&self);

    /// Keeps `waker` until all tasks have ended. Returns `false` if they have.
    fn wake_when_done(&self, waker: &Waker) -> bool;

    /// Drops `waker`.
    fn forget_waker(&self, waker: &Waker);

    /// Runs `run` on the callback thread when all tasks have ended.
    fn run_when_done(&self, run: WhenDone);

    /// Stops what can be stopped. Returns whether there was anything.
    fn cancel(&self) -> bool;

    /// Returns how far the tasks are, as far as is known without decoding the result.
    fn state(&self) -> FutureState;

    /// Returns whether no result that was not taken is an error.
    fn all_well(&self) -> bool;

    /// Takes the result; all tasks have ended.
    fn take(&self) -> Result<R>;
}
