//! Where the result of an [`AsyncResult`](crate::AsyncResult) comes from.

use std::sync::Arc;

use crate::engine::{Engine, Job};
use crate::error::Result;
use crate::future::PendingResult;
use crate::future::pending::{ForeignResult, ProcessResult};
use crate::sys::pid::Owner;

/// What runs the task, in the process that the result belongs to. A clone is the same source.
pub(super) struct Source<R> {
    /// The process that it belongs to, and what the result is in all others.
    foreign: ForeignResult,
    runner: Runner<R>,
}

/// What runs the task. The common case, a process, needs no allocation.
enum Runner<R> {
    Processes(ProcessResult<R>),
    Threads(Arc<dyn PendingResult<R>>),
    /// The call was made in another process than the pool's.
    Nothing,
}

impl<R> Source<R> {
    /// Returns a job of the engine, whose result `take` takes once it is done.
    pub(super) fn engine(engine: Arc<Engine>, job: Arc<Job>, take: fn(&Job) -> Result<R>) -> Self {
        let foreign = ForeignResult(engine.owner());
        Self { foreign, runner: Runner::Processes(ProcessResult { engine, job, take }) }
    }

    /// Returns a job that belongs to the process `owner`.
    pub(super) fn threads(owner: Owner, job: Arc<dyn PendingResult<R>>) -> Self {
        Self { foreign: ForeignResult(owner), runner: Runner::Threads(job) }
    }

    /// Returns what a call has that was made to what belongs to another process.
    pub(super) fn foreign(owner: Owner) -> Self {
        Self { foreign: ForeignResult(owner), runner: Runner::Nothing }
    }

    /// Returns the result as it is in this process.
    pub(super) fn pending(&self) -> &dyn PendingResult<R> {
        match &self.runner {
            _ if !self.foreign.0.is_here() => &self.foreign,
            Runner::Processes(job) => job,
            Runner::Threads(job) => &**job,
            Runner::Nothing => &self.foreign,
        }
    }
}

impl<R> Clone for Source<R> {
    fn clone(&self) -> Self {
        let runner = match &self.runner {
            Runner::Processes(job) => Runner::Processes(job.clone()),
            Runner::Threads(job) => Runner::Threads(job.clone()),
            Runner::Nothing => Runner::Nothing,
        };
        Self { foreign: self.foreign, runner }
    }
}
