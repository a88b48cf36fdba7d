//! Waiting for jobs: with a thread, with a waker, or by a callback.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::engine::waiters::ANY_JOB;
use crate::engine::{Engine, Job};
use crate::progress::WhenDone;

impl Engine {
    /// Waits for a job's end. Returns `false` if the deadline came first.
    pub(crate) fn wait_done(&self, job: &Job, deadline: Option<Instant>) -> bool {
        self.monitor.wait(job.id, deadline, |_| job.is_done())
    }

    /// Waits for a job's next outcome, or its end. Returns `false` if the deadline came first.
    pub(crate) fn wait_next(&self, job: &Job, deadline: Option<Instant>) -> bool {
        self.monitor.wait(job.id, deadline, |_| job.has_next() || job.is_done())
    }

    /// Waits until `done`, which another thread makes true and then calls
    /// [`notify`](Engine::notify).
    pub(crate) fn wait_for(&self, deadline: Option<Instant>, done: impl Fn() -> bool) -> bool {
        self.monitor.wait(ANY_JOB, deadline, |_| done())
    }

    /// Has every waiting thread look again.
    pub(crate) fn notify(&self) {
        self.monitor.notify_all();
    }

    /// Wakes a task of an async runtime when a job is done. Returns `false` if it is.
    pub(crate) fn wake_when_done(self: &Arc<Self>, job: &Job, waker: &Waker) -> bool {
        let pending = job.wake_when_done(waker);
        if pending {
            self.supervise(true);
        }
        pending
    }

    /// Runs `run` on the callback thread when a job is done.
    pub(crate) fn run_when_done(self: &Arc<Self>, job: &Job, run: WhenDone) {
        match job.run_when_done(run) {
            Some(run) => self.monitor.run_callback(run),
            None => self.supervise(true),
        }
    }
}
