//! Tasks of one call that a thread runs together.

use std::process;
use std::sync::Arc;

use crate::error::Error;
use crate::protocol::Envelope;
use crate::sys::now_ns;
use crate::task::{Arguments, Task, panic};
use crate::threads::thread_job::ThreadJob;
use crate::threads::work_queue::Work;
use crate::trace::{self, TaskEvent};

/// Some tasks of one job.
pub(super) struct Chunk<F, Args, R> {
    pub(super) job: Arc<ThreadJob<R>>,
    pub(super) function: Arc<F>,
    /// Its position among the job's chunks.
    pub(super) index: u64,
    pub(super) items: Vec<Args>,
}

impl<F, Args> Work for Chunk<F, Args, F::Output>
where
    F: Task<Args>,
    Args: Arguments,
{
    fn count(&self) -> u64 {
        self.items.len() as u64
    }

    fn run(self: Box<Self>, first: u64, thread: u64) {
        let Self { job, function, index, items } = *self;
        if !job.begin(index) {
            return;
        }
        let pool = job.pool();
        pool.begin();
        let began = now_ns();
        let call = |args| {
            if job.is_abandoned() || pool.has_ended() {
                return Err(Error::Cancelled);
            }
            let result = panic::catch(|| function.call(args)).map_err(panicked);
            // A task that forks returns twice. In the copy, a thread that does not exist there may
            // hold any lock.
            pool.owner().or_exit();
            result
        };
        let results = if trace::is_recording() {
            let name: Arc<str> = pool.thread_name(thread).into();
            let timed = |(task, args)| {
                let start = now_ns();
                let result = call(args);
                let (function, pid, failed) = (F::label(), process::id(), result.is_err());
                let (name, end) = (name.clone(), now_ns());
                trace::record(&[TaskEvent { task, function, worker: thread, name, pid, start, end, failed }]);
                result
            };
            (first..).zip(items).map(timed).collect()
        } else {
            items.into_iter().map(call).collect()
        };
        pool.add_run_time(now_ns() - began);
        job.finish(index, results);
    }

    fn fail(self: Box<Self>, error: &Error) {
        if self.job.begin(self.index) {
            self.job.finish(self.index, self.items.iter().map(|_| Err(error.clone())).collect());
        }
    }
}

/// Returns the error of a task that has panicked.
pub(super) fn panicked(envelope: Envelope) -> Error {
    envelope.into_error(process::id())
}
