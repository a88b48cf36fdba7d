//! A chunk: tasks that travel to a worker together.

use std::ops::Range;
use std::sync::Arc;

use crate::engine::job::Job;
use crate::engine::outcome::Outcome;
use crate::error::Error;
use crate::fds::Handles;
use crate::protocol::Items;
use crate::trace::TaskEvent;

/// Some tasks of one job, on their way from the backlog to a worker and back to their job. A chunk
/// whose worker dies goes on elsewhere from where it was.
pub(crate) struct Chunk {
    pub(super) job: Arc<Job>,
    /// Its position among the job's chunks.
    pub(super) index: u64,
    /// The number of its first task in the pool.
    pub(super) first_task: u64,
    /// Tasks whose outcome is known.
    pub(super) done: u32,
    pub(super) tasks: Tasks,
    pub(super) outcome: Outcome,
    /// How many workers ended with this chunk before they began any of it.
    pub(super) false_starts: u32,
}

/// Encoded tasks.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    pub(crate) count: u32,
    /// The arguments of one task, or those of several as [`Items`].
    pub(crate) payload: Vec<u8>,
    pub(crate) handles: Handles,
}

impl Chunk {
    pub(super) fn new(job: Arc<Job>, first_task: u64, tasks: Tasks) -> Self {
        let index = job.add_chunk();
        Self { index, job, first_task, done: 0, tasks, outcome: Outcome::default(), false_starts: 0 }
    }

    pub(super) fn left(&self) -> u32 {
        self.tasks.count - self.done
    }

    /// The number in the pool of the task that is next.
    pub(super) fn next_task(&self) -> u64 {
        self.first_task + u64::from(self.done)
    }

    /// A task of this chunk, for the trace: who (number, name, pid) ran it, from when to when.
    pub(super) fn event(
        &self,
        task: u64,
        (worker, name, pid): (u64, &Arc<str>, u32),
        (start, end): (u64, u64),
        failed: bool,
    ) -> TaskEvent {
        TaskEvent { task, function: self.job.label, worker, name: name.clone(), pid, start, end, failed }
    }

    /// The bytes of up to `most` of the tasks that are left.
    pub(super) fn payload(&self, most: u32) -> Range<usize> {
        let all = &self.tasks.payload;
        if self.tasks.count == 1 || (self.done == 0 && most >= self.tasks.count) {
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
        skip(&mut items, most);
        start..all.len() - items.0.len()
    }

    /// Notes that the next task failed.
    pub(super) fn fail(&mut self, error: Error) {
        self.outcome.add_error(error);
        self.done += 1;
    }

    /// Notes that all tasks that are left failed.
    pub(super) fn fail_rest(&mut self, error: &Error) {
        while self.left() > 0 {
            self.fail(error.clone());
        }
    }
}
