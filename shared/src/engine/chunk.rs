//! A chunk: tasks that travel to a worker together.

use std::sync::Arc;

use crate::engine::job::{Job, Outcome};
use crate::error::Error;
use crate::protocol::{Items, push_item};

/// Some tasks of one job, on their way from the backlog to a worker and back to their job. A chunk whose worker dies goes on
/// elsewhere from where it was.
pub(crate) struct Chunk {
    pub(super) job: Arc<Job>,
    /// Its position among the job's chunks.
    pub(super) index: u64,
    /// The number of its first task in the pool.
    pub(super) first_task: u64,
    /// Tasks whose outcome is known.
    pub(super) done: u32,
    pub(super) tasks: Tasks,
    outcome: Outcome,
    /// How many workers ended with this chunk before they began any of it.
    pub(super) false_starts: u32,
}

/// Encoded tasks.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    pub(crate) count: u32,
    /// The arguments of one task, or those of several as [`Items`].
    pub(crate) payload: Vec<u8>,
}

impl Chunk {
    pub(super) fn new(job: Arc<Job>, first_task: u64, tasks: Tasks) -> Self {
        let outcome = Outcome { count: tasks.count, ..Outcome::default() };
        Self { index: job.add_chunk(), job, first_task, done: 0, tasks, outcome, false_starts: 0 }
    }

    pub(super) fn left(&self) -> u32 {
        self.tasks.count - self.done
    }

    /// The bytes of up to `most` of the tasks that are left.
    pub(super) fn payload(&self, most: u32) -> std::ops::Range<usize> {
        let all = &self.tasks.payload;
        if self.tasks.count == 1 || (self.done == 0 && most >= self.tasks.count) {
            return 0..all.len();
        }
        let mut items = Items(all);
        for _ in 0..self.done {
            items.next();
        }
        let start = all.len() - items.0.len();
        for _ in 0..most {
            items.next();
        }
        start..all.len() - items.0.len()
    }

    /// Notes the result of the next task.
    pub(super) fn succeed(&mut self, result: Result<&[u8], Vec<u8>>) {
        let results = &mut self.outcome.results;
        match (result, self.tasks.count) {
            (Ok(bytes), 1) => results.extend_from_slice(bytes),
            (Err(bytes), 1) => *results = bytes,
            (Ok(bytes), _) => append(results, bytes),
            (Err(bytes), _) => append(results, &bytes),
        }
        self.done += 1;
    }

    /// Notes that the next task failed.
    pub(super) fn fail(&mut self, error: Error) {
        if self.tasks.count > 1 {
            append(&mut self.outcome.results, &[]);
        }
        self.outcome.errors.push((self.done, error));
        self.done += 1;
    }

    /// Notes that all tasks that are left failed.
    pub(super) fn fail_rest(&mut self, error: &Error) {
        while self.left() > 0 {
            self.fail(error.clone());
        }
    }

    pub(super) fn failures(&self) -> usize {
        self.outcome.errors.len()
    }

    pub(super) fn into_outcome(self) -> (Arc<Job>, u64, Outcome) {
        (self.job, self.index, self.outcome)
    }
}

fn append(results: &mut Vec<u8>, bytes: &[u8]) {
    let Ok(()) = push_item::<std::convert::Infallible>(results, |out| {
        out.extend_from_slice(bytes);
        Ok(())
    });
}
