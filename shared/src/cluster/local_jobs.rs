//! The jobs of rank 0 that have chunks or state on a serving rank.

use std::collections::HashMap;
use std::sync::Arc;

use crate::cluster::protocol::Head;
use crate::engine::Job;

/// A job of rank 0 that has chunks or state here.
struct LocalJob {
    job: Arc<Job>,
    function: u64,
    /// The number of its chunks that are here.
    chunks: usize,
    /// Whether it has state that later chunks need, too.
    has_state: bool,
}

/// The jobs that have chunks or state here, and no others.
#[derive(Default)]
pub(super) struct LocalJobs {
    jobs: HashMap<u64, LocalJob>,
    /// The job of the chunk in each slot that rank 0 has for this rank.
    slots: Vec<u64>,
}

impl LocalJobs {
    /// Returns a job that is here.
    pub(super) fn find(&self, job: u64) -> Option<Arc<Job>> {
        self.jobs.get(&job).map(|local| local.job.clone())
    }

    /// Adds the chunk of a record, and its job, which `make` makes if it is new here. Returns the
    /// job.
    pub(super) fn add_chunk(&mut self, head: &Head, make: impl FnOnce() -> Arc<Job>) -> Arc<Job> {
        let local = self.get_or_add(head, make);
        local.chunks += 1;
        let job = local.job.clone();
        let slot = head.slot as usize;
        if self.slots.len() <= slot {
            self.slots.resize(slot + 1, 0);
        }
        self.slots[slot] = head.job;
        job
    }

    /// Records that a job has state that later chunks need. `make` makes the job with its state, if
    /// it is new here.
    pub(super) fn add_state(&mut self, head: &Head, make: impl FnOnce() -> Arc<Job>) {
        self.get_or_add(head, make).has_state = true;
    }

    /// Removes the chunk in a slot, and its job with the last one unless later chunks need its
    /// state. Returns the job's function.
    pub(super) fn remove_chunk(&mut self, slot: u64) -> Option<u64> {
        let job = *self.slots.get(slot as usize)?;
        let local = self.jobs.get_mut(&job)?;
        local.chunks -= 1;
        let function = local.function;
        self.drop_unused(job);
        Some(function)
    }

    /// Records that no later chunks need the state of a job.
    pub(super) fn remove_state(&mut self, job: u64) {
        if let Some(local) = self.jobs.get_mut(&job) {
            local.has_state = false;
            self.drop_unused(job);
        }
    }

    fn get_or_add(&mut self, head: &Head, make: impl FnOnce() -> Arc<Job>) -> &mut LocalJob {
        self.jobs.entry(head.job).or_insert_with(|| LocalJob {
            job: make(),
            function: head.function,
            chunks: 0,
            has_state: false,
        })
    }

    fn drop_unused(&mut self, job: u64) {
        if self.jobs.get(&job).is_some_and(|local| local.chunks == 0 && !local.has_state) {
            self.jobs.remove(&job);
        }
    }
}
