//! Chunks: tasks of one job that travel to a worker together.

use std::ops::Range;
use std::sync::Arc;

use crate::engine::job::Job;
use crate::engine::outcome::Outcome;
use crate::error::Error;
use crate::fds::Handles;
use crate::protocol::{FrameHead, Items};
use crate::trace::TaskEvent;

/// Some tasks of one job, on their way from the backlog to a worker and back to their job. A chunk
/// whose worker is killed goes on elsewhere from where it was.
pub(crate) struct Chunk {
    job: Arc<Job>,
    /// Its number in the job; of a remote job's chunk, the client's number for it.
    number: u64,
    /// The number of its first task in the pool.
    first_task: u64,
    /// Tasks whose outcome is known.
    done: u32,
    tasks: Tasks,
    outcome: Outcome,
    /// Workers that ended with this chunk before they began any of it.
    false_starts: u32,
    /// Workers that ended while they ran a task of this chunk, and how many tasks were done before
    /// it.
    losses: (u32, u32),
}

/// Encoded tasks.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    pub(crate) count: u32,
    /// The bytes at the end of the payload that are the [names](crate::codec::NameWriter) of all
    /// tasks.
    pub(crate) names: u32,
    /// The arguments of one task without names, or those of tasks as [`Items`]; then the names.
    pub(crate) payload: Vec<u8>,
    pub(crate) handles: Handles,
}

impl Tasks {
    /// Returns the arguments and the names; nothing if they were [taken](Chunk::take_payload).
    fn parts(&self) -> (&[u8], &[u8]) {
        self.payload.split_at(self.payload.len().saturating_sub(self.names as usize))
    }
}

impl Chunk {
    #[inline]
    pub(super) fn new(job: Arc<Job>, first_task: u64, tasks: Tasks) -> Self {
        let number = job.add_chunk(tasks.count);
        Self::with_number(number, job, first_task, tasks)
    }

    #[inline]
    fn with_number(number: u64, job: Arc<Job>, first_task: u64, tasks: Tasks) -> Self {
        Self { job, number, first_task, done: 0, tasks, outcome: Outcome::default(), false_starts: 0, losses: (0, 0) }
    }

    #[inline]
    pub(crate) fn job(&self) -> &Arc<Job> {
        &self.job
    }

    #[inline]
    pub(crate) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Returns the number of its tasks, done or not.
    #[inline]
    pub(super) fn count(&self) -> u64 {
        self.tasks.count.into()
    }

    /// Returns the number of tasks whose outcome is to come.
    #[inline]
    pub(super) fn left(&self) -> u32 {
        self.tasks.count - self.done
    }

    /// Returns the number of tasks whose outcome is known.
    pub(super) fn done(&self) -> u32 {
        self.done
    }

    /// Returns the number in the pool of the task that is next.
    pub(super) fn next_task(&self) -> u64 {
        self.first_task + u64::from(self.done)
    }

    /// Returns a task of this chunk for the trace: which worker (number, name, pid) ran it, from
    /// when to when.
    pub(super) fn event(
        &self,
        task: u64,
        (worker, name, pid): (u64, &Arc<str>, u32),
        (start, end): (u64, u64),
        failed: bool,
    ) -> TaskEvent {
        TaskEvent { task, function: self.job.label(), worker, name: name.clone(), pid, start, end, failed }
    }

    /// Returns the names of its tasks.
    pub(super) fn names(&self) -> &[u8] {
        self.tasks.parts().1
    }

    /// Returns where the bytes of up to `max` of the tasks that are left stand in the payload.
    pub(super) fn payload(&self, max: u32) -> Range<usize> {
        let all = self.tasks.parts().0;
        if self.tasks.count == 1 || (self.done == 0 && max >= self.tasks.count) {
            return 0..all.len();
        }
        let mut items = Items(all);
        let skip = |items: &mut Items<'_>, count: u32| {
            for _ in 0..count {
                items.next();
            }
        };

        skip(&mut items, self.done);
        let start = all.len() - items.0.len();
        skip(&mut items, max);
        start..all.len() - items.0.len()
    }

    /// Takes the buffer of the arguments. They are not needed here while a worker has them.
    pub(crate) fn take_payload(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.tasks.payload)
    }

    pub(super) fn handles_mut(&mut self) -> &mut Handles {
        &mut self.tasks.handles
    }

    /// Adds the frames of the next `count` tasks, of which `failures` bring no value.
    pub(super) fn add_frames(&mut self, frames: &[u8], count: u32, failures: u32, pid: u32) {
        self.outcome.add(frames, failures, pid);
        self.done += count;
    }

    /// Adds the handles of a result whose frame is added next.
    pub(super) fn add_handles(&mut self, handles: Handles) {
        self.outcome.add_handles(handles);
    }

    /// Adds the next task's frame, whose body has a buffer of its own.
    pub(super) fn add_large(&mut self, head: FrameHead, body: Vec<u8>, pid: u32) {
        let only = self.tasks.count == 1;
        self.outcome.add_large(head, body, only, pid);
        self.done += 1;
    }

    /// Records that the next task failed.
    pub(super) fn fail(&mut self, error: Error) {
        self.outcome.add_error(error);
        self.done += 1;
    }

    /// Records that all tasks that are left failed.
    pub(super) fn fail_rest(&mut self, error: &Error) {
        while self.left() > 0 {
            self.fail(error.clone());
        }
    }

    /// Counts a worker that ended with this chunk before it began any of it. Returns how many did.
    pub(super) fn add_false_start(&mut self) -> u32 {
        self.false_starts += 1;
        self.false_starts
    }

    /// Counts the end of a worker that ran the next task. Returns `None` if that task is to be
    /// begun again, else the loss with the number of times that it was begun.
    pub(crate) fn lose_next(&mut self, loss: Error) -> Option<Error> {
        let retries = self.job.limits().retries;
        if retries == 0 {
            return Some(loss);
        }
        let losses = if self.losses.1 == self.done { self.losses.0 + 1 } else { 1 };
        self.losses = (losses, self.done);
        // A handle of one owner in the state has gone to one worker, and no other can have it.
        let spent = self.job.state().is_some_and(|state| state.handles().is_spent());
        (losses > retries || spent).then(|| loss.after_tries(losses))
    }

    /// Returns what has come of its tasks so far.
    #[inline]
    pub(super) fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Returns its job, its number and what came of its tasks.
    #[inline]
    pub(super) fn into_outcome(self) -> (Arc<Job>, u64, Outcome) {
        (self.job, self.number, self.outcome)
    }
}

#[cfg(feature = "mpi")]
impl Chunk {
    /// Returns a chunk that came from elsewhere. The client has numbered it and its tasks, and its
    /// outcome is sent back under `number`.
    pub(crate) fn remote(job: Arc<Job>, number: u64, first_task: u64, tasks: Tasks) -> Self {
        job.add_chunk(tasks.count);
        Self::with_number(number, job, first_task, tasks)
    }

    pub(crate) fn first_task(&self) -> u64 {
        self.first_task
    }

    /// Puts the arguments back that were [taken](Chunk::take_payload).
    pub(crate) fn put_payload(&mut self, payload: Vec<u8>) {
        self.tasks.payload = payload;
    }

    /// Records what came of all of its tasks.
    pub(crate) fn set_outcome(&mut self, outcome: Outcome) {
        self.done = self.tasks.count;
        self.outcome = outcome;
    }

    /// Fails all of its tasks.
    pub(crate) fn failed(mut self, error: &Error) -> Self {
        self.fail_rest(error);
        self
    }
}
