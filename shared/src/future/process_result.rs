//! The result of a job of the engine.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::engine::{Engine, Job};
use crate::error::Result;
use crate::future::{FutureState, PendingResult};
use crate::progress::WhenDone;

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
