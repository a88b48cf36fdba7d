//! The backlog: tasks that wait for a worker, and the counts of all that the pool has taken.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::chunk::{Chunk, Tasks};
use crate::engine::chunk_queue::ChunkQueue;
use crate::engine::job::Job;
use crate::progress::FailureKinds;

/// The tasks of a pool whose outcome is to come: those in its queue, and those that workers have.
///
/// A task is [added](Backlog::add) once, then [completed](Backlog::complete) or
/// [withdrawn](Backlog::withdraw) once; in between its chunk may be queued and taken out many
/// times. So what is queued is part of what is outstanding.
#[derive(Default)]
pub(super) struct Backlog {
    queue: ChunkQueue,
    submitted: u64,
    completed: u64,
    failed: u64,
    /// Of the failed: those that are counted apart.
    kinds: FailureKinds,
    /// Chunks whose outcome is to come and whose tasks have a time limit of their own.
    limited: u64,
    /// The number of the next task.
    next_task: u64,
    /// The time that a task of a function takes, in nanoseconds, as last seen. Functions are few,
    /// and looked up with every task.
    costs: BTreeMap<u64, u64>,
}

/// How many tasks were submitted, and what came of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TaskCounts {
    pub(super) submitted: u64,
    pub(super) completed: u64,
    pub(super) failed: u64,
    /// Of the failed: those that are counted apart.
    pub(super) kinds: FailureKinds,
}

impl Backlog {
    /// Numbers the tasks and makes them the next chunk of `job`.
    #[inline]
    pub(super) fn number(&mut self, job: &Arc<Job>, tasks: Tasks) -> Chunk {
        let chunk = Chunk::new(job.clone(), self.next_task, tasks);
        self.next_task += chunk.count();
        chunk
    }

    /// Counts the tasks of a chunk as submitted. From now on they are outstanding.
    #[inline]
    pub(super) fn add(&mut self, chunk: &Chunk) {
        self.submitted += chunk.count();
        self.limited += u64::from(is_limited(chunk));
    }

    /// Counts the tasks of a chunk, which is not queued, by their outcome.
    #[inline]
    pub(super) fn complete(&mut self, chunk: &Chunk) {
        let (outcome, count) = (chunk.outcome(), chunk.count());
        let failed = u64::from(outcome.failures());
        debug_assert_eq!(chunk.left(), 0, "all outcomes are known");
        debug_assert!(count <= self.outstanding(), "a task is completed once");
        self.limited -= u64::from(is_limited(chunk));
        self.failed += failed;
        self.completed += count - failed;
        if failed > 0 {
            self.kinds.add(outcome.failure_kinds());
        }
        self.check_queue();
    }

    /// Returns the number of tasks whose outcome is still to come.
    #[inline]
    pub(super) fn outstanding(&self) -> u64 {
        self.submitted - self.completed - self.failed
    }

    /// Returns `true` if tasks whose outcome is to come have a time limit of their own.
    #[inline]
    pub(super) fn has_limited(&self) -> bool {
        self.limited > 0
    }

    pub(super) fn counts(&self) -> TaskCounts {
        let Self { submitted, completed, failed, kinds, .. } = *self;
        TaskCounts { submitted, completed, failed, kinds }
    }

    /// Returns `true` if no chunk waits for a worker.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    #[inline]
    pub(super) fn front(&self) -> Option<&Chunk> {
        self.queue.front()
    }

    #[inline]
    pub(super) fn pop_front(&mut self) -> Option<Chunk> {
        self.queue.pop_front()
    }

    /// Queues a chunk, whose tasks were [added](Backlog::add), behind all others.
    #[inline]
    pub(super) fn push_back(&mut self, chunk: Chunk) {
        self.queue.push_back(chunk);
        self.check_queue();
    }

    /// Queues a chunk that was taken out before all others.
    pub(super) fn push_front(&mut self, chunk: Chunk) {
        self.queue.push_front(chunk);
        self.check_queue();
    }

    /// Queues chunks that were taken out before all others, in their order.
    pub(super) fn push_all_front(&mut self, chunks: Vec<Chunk>) {
        chunks.into_iter().rev().for_each(|chunk| self.push_front(chunk));
    }

    /// Returns `true` if chunks of `job` are queued.
    pub(super) fn has_job(&self, job: &Arc<Job>) -> bool {
        self.queue.iter().any(|chunk| Arc::ptr_eq(chunk.job(), job))
    }

    /// Removes the queued chunks of a job and returns them.
    pub(super) fn remove_job(&mut self, job: &Job) -> Vec<Chunk> {
        self.queue.remove_job(job)
    }

    /// Removes all queued chunks and returns them.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Chunk> + use<> {
        self.queue.take_all()
    }

    /// Removes up to `max` chunks from the back of the queue, with their tasks, as if these had
    /// not been submitted. One that has begun stays.
    #[cfg_attr(not(feature = "mpi"), allow(dead_code))] // For a remote client, which takes them back.
    pub(super) fn withdraw(&mut self, max: usize) -> Vec<Chunk> {
        let last = self.queue.split_off_last(max);
        let (fresh, begun): (Vec<_>, Vec<_>) = last.into_iter().partition(|chunk| chunk.done() == 0);
        begun.into_iter().for_each(|chunk| self.push_back(chunk));
        self.submitted -= fresh.iter().map(Chunk::count).sum::<u64>();
        self.limited -= fresh.iter().filter(|chunk| is_limited(chunk)).count() as u64;
        self.check_queue();
        fresh
    }

    /// Returns the time that a task of a function takes, in nanoseconds, as last seen.
    #[inline]
    pub(super) fn cost(&self, function: u64) -> Option<u64> {
        self.costs.get(&function).copied()
    }

    /// Records the time that a task of a function took, in nanoseconds.
    pub(super) fn record_cost(&mut self, function: u64, sample: u64) {
        let cost = self.costs.entry(function).or_insert(sample);
        // Up at once, down slowly: to think a task short that is long costs more than the other way
        // round.
        *cost = if sample > *cost { sample } else { (3 * *cost + sample) / 4 };
    }

    /// A chunk has at least one task, so there are no more chunks than tasks.
    fn check_queue(&self) {
        debug_assert!(self.queue.len() as u64 <= self.outstanding(), "what is queued is outstanding");
    }

    /// Iterates over the queued chunks, in order.
    #[cfg(all(test, not(multiproc_loom)))]
    pub(super) fn queued(&self) -> impl Iterator<Item = &Chunk> {
        self.queue.iter()
    }

    /// Panics if its parts do not fit together.
    #[cfg(all(test, not(multiproc_loom)))]
    pub(super) fn check(&self) {
        self.queue.check();
        assert!(self.queue.iter().map(Chunk::count).sum::<u64>() <= self.outstanding());
        assert!(self.kinds.cancelled + self.kinds.refused + self.kinds.timed_out + self.kinds.lost <= self.failed);
        assert!(self.limited <= self.outstanding(), "a limited chunk has a task");
    }
}

/// Returns `true` if the tasks of a chunk have a time limit of their own.
#[inline]
fn is_limited(chunk: &Chunk) -> bool {
    chunk.job().limits().time.is_some()
}
