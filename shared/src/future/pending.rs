//! What an [`AsyncResult`](crate::AsyncResult) needs of whatever runs its task: implemented here on
//! the engine, and for every process that the result does not belong to.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::engine::{Engine, Job};
use crate::error::Result;
use crate::progress::WhenDone;
use crate::sys::pid::Owner;

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

/// A job of the engine as an [`AsyncResult`](crate::AsyncResult) sees it, and how to take its
/// result.
pub(super) struct ProcessResult<R> {
    pub(super) engine: Arc<Engine>,
    pub(super) job: Arc<Job>,
    pub(super) take: fn(&Job) -> Result<R>,
}

impl<R> Clone for ProcessResult<R> {
    fn clone(&self) -> Self {
        Self { engine: self.engine.clone(), job: self.job.clone(), take: self.take }
    }
}

impl<R> PendingResult<R> for ProcessResult<R> {
    fn is_done(&self) -> bool {
        if !self.job.is_done() {
            self.engine.step();
        }
        self.job.is_done()
    }

    fn wait_done(&self, deadline: Option<Instant>) -> bool {
        self.engine.wait_done(&self.job, deadline)
    }

    fn wait_for(&self, deadline: Option<Instant>, done: &dyn Fn() -> bool) -> bool {
        self.engine.wait_for(deadline, done)
    }

    fn notify(&self) {
        self.engine.notify();
    }

    fn wake_when_done(&self, waker: &Waker) -> bool {
        self.engine.wake_when_done(&self.job, waker)
    }

    fn forget_waker(&self, waker: &Waker) {
        self.job.forget_waker(waker);
    }

    fn run_when_done(&self, run: WhenDone) {
        self.engine.run_when_done(&self.job, run);
    }

    fn cancel(&self) -> bool {
        self.engine.cancel(&self.job)
    }

    fn state(&self) -> FutureState {
        if self.is_done() {
            return if self.job.was_cancelled() { FutureState::Cancelled } else { FutureState::Done };
        }
        if self.engine.has_begun(&self.job) { FutureState::Running } else { FutureState::Pending }
    }

    fn all_well(&self) -> bool {
        self.job.all_well()
    }

    fn take(&self) -> Result<R> {
        self.engine.forget(&self.job);
        (self.take)(&self.job)
    }
}

/// A result in every process but its own: ready from the start, and [`Error::ForeignProcess`]. It
/// touches nothing that the result's own process may have been changing when this one was forked.
///
/// [`Error::ForeignProcess`]: crate::Error::ForeignProcess
#[derive(Debug, Clone, Copy)]
pub(super) struct ForeignResult(pub(super) Owner);

impl<R> PendingResult<R> for ForeignResult {
    fn is_done(&self) -> bool {
        true
    }

    fn wait_done(&self, _deadline: Option<Instant>) -> bool {
        true
    }

    fn wait_for(&self, _deadline: Option<Instant>, done: &dyn Fn() -> bool) -> bool {
        done()
    }

    fn notify(&self) {}

    fn wake_when_done(&self, _waker: &Waker) -> bool {
        false
    }

    fn forget_waker(&self, _waker: &Waker) {}

    /// Runs it at once: this process has no callback thread.
    fn run_when_done(&self, run: WhenDone) {
        run();
    }

    fn cancel(&self) -> bool {
        false
    }

    fn state(&self) -> FutureState {
        FutureState::Done
    }

    fn all_well(&self) -> bool {
        false
    }

    fn take(&self) -> Result<R> {
        Err(self.0.foreign())
    }
}
