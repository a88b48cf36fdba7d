//! What a handle asks of whoever runs its task.

use std::task::Waker;
use std::time::Instant;

use crate::engine::WhenDone;
use crate::error::Result;

/// How far a task is; see [`AsyncResult::state`](crate::AsyncResult::state).
///
/// Python's counterparts are `Future.running`, `done` and `cancelled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FutureState {
    /// It waits.
    Pending,
    /// It has begun. Of a map: some of its tasks have.
    Running,
    /// It has ended, well or not.
    Done,
    /// It was cancelled, and has no other result. Of a map: some of its tasks were.
    Cancelled,
}

/// A task, or several of one call, that somebody runs: the other side of an
/// [`AsyncResult`](crate::AsyncResult).
pub(crate) trait Later<R>: Send + Sync {
    /// Whether all has ended. May do a little of the work that is left.
    fn is_done(&self) -> bool;

    /// Waits until all has ended. `false` if the deadline came first.
    fn wait_done(&self, deadline: Option<Instant>) -> bool;

    /// Waits until `done`, which another thread makes true and then calls
    /// [`notify`](Later::notify). `false` if the deadline came first.
    fn wait_for(&self, deadline: Option<Instant>, done: &dyn Fn() -> bool) -> bool;

    /// Has those look again who [wait](Later::wait_for).
    fn notify(&self);

    /// Wakes `waker` when all has ended; `false` if it has.
    fn wake_when_done(&self, waker: &Waker) -> bool;

    /// Wakes `waker` no more.
    fn forget_waker(&self, waker: &Waker);

    /// Runs `run` on the callback thread when all has ended.
    fn run_when_done(&self, run: WhenDone);

    /// Stops what can be stopped; says whether there was anything.
    fn cancel(&self) -> bool;

    /// How far it is, as far as can be told without the result.
    fn state(&self) -> FutureState;

    /// Whether nothing of what has not been taken failed.
    fn all_well(&self) -> bool;

    /// Takes the result; all has ended.
    fn take(&self) -> Result<R>;
}
