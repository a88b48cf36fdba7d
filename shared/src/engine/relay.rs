//! Tasks that came from elsewhere: an engine with workers runs them for one
//! [without](crate::engine::outside).
#![cfg_attr(not(feature = "mpi"), allow(dead_code))] // Only with the feature `mpi` do any come.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::engine::chunk::{Chunk, Tasks};
use crate::engine::core::Core;
use crate::engine::job::Job;
use crate::engine::outcome::Outcome;
use crate::fds::Payload;
use crate::task::{Function, Prepared};

/// What came of relayed chunks, by ticket.
#[derive(Default)]
pub(crate) struct Relay(Mutex<Vec<(u64, Outcome)>>);

impl Relay {
    pub(super) fn add(&self, ticket: u64, outcome: Outcome) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((ticket, outcome));
    }

    /// All that came since this was last asked.
    pub(crate) fn take(&self) -> Vec<(u64, Outcome)> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A chunk that came from elsewhere.
pub(crate) struct Relayed {
    pub(crate) job: Arc<Job>,
    /// Under which its outcome is told.
    pub(crate) ticket: u64,
    /// The number of its first task where it came from.
    pub(crate) first_task: u64,
    pub(crate) tasks: Tasks,
}

impl Engine {
    /// A job whose chunks come from elsewhere.
    pub(crate) fn relay_job(&self, function: u64, state: Option<Vec<u8>>, relay: &Arc<Relay>) -> Arc<Job> {
        let state = state.map(|bytes| Payload { bytes, ..Payload::default() });
        let prepared = Prepared { function: Function(function), state, label: "" };
        Arc::new(self.new_job(prepared, false).relayed(relay.clone()))
    }

    /// Queues chunks that came from elsewhere.
    pub(crate) fn relay(&self, chunks: impl IntoIterator<Item = Relayed>) {
        self.with(|core| {
            for Relayed { job, ticket, first_task, tasks } in chunks {
                core.enqueue(Chunk::relayed(job, ticket, first_task, tasks));
            }
            core.dispatch();
        });
    }

    /// Takes up to `most` relayed chunks back that have not begun; says their tickets.
    pub(crate) fn unrelay(&self, most: u32) -> Vec<u64> {
        self.with(|core| {
            for slot in 0..core.links.len() {
                core.take_back(slot);
            }
            let at = core.backlog.len().saturating_sub(most as usize);
            let chunks = core.backlog.split_off(at);
            for chunk in &chunks {
                core.outstanding -= u64::from(chunk.tasks.count);
                core.counts.submitted -= u64::from(chunk.tasks.count);
            }
            // One that has begun goes on here.
            let (fresh, begun): (Vec<_>, Vec<_>) = chunks.into_iter().partition(|chunk| chunk.done == 0);
            begun.into_iter().for_each(|chunk| core.enqueue(chunk));
            core.dispatch();
            fresh.into_iter().map(|chunk| chunk.index).collect()
        })
    }

    /// Whether there are tasks that are not done.
    pub(crate) fn is_busy(&self) -> bool {
        self.with(|core| core.outstanding > 0)
    }

    /// What a task of a function takes, in nanoseconds, as last seen.
    pub(crate) fn cost(&self, function: u64) -> Option<u64> {
        self.with(|core| core.costs.get(&function).copied())
    }

    /// Moves what can move. If that is nothing, sleeps until there is something, but not longer
    /// than `patience`. Says whether anything moved at first.
    pub(crate) fn tend(&self, patience: Duration) -> bool {
        let moved = self.with(Core::step);
        if !moved && !patience.is_zero() {
            self.sleep(None, Instant::now().checked_add(patience));
        }
        moved
    }
}

impl Chunk {
    pub(super) fn relayed(job: Arc<Job>, ticket: u64, first_task: u64, tasks: Tasks) -> Self {
        job.add_chunk();
        Self { index: ticket, job, first_task, done: 0, tasks, outcome: Outcome::default(), false_starts: 0 }
    }
}
