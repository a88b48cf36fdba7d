//! The server side: an engine with workers runs chunks that came from elsewhere.
#![cfg_attr(not(feature = "mpi"), allow(dead_code))] // Only the feature `mpi` has a connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::engine::chunk::Chunk;
use crate::engine::job::Job;
use crate::engine::remote::RemoteOutcomes;
use crate::engine::state::State;
use crate::fds::Payload;
use crate::task::{Function, Prepared};

impl Engine {
    /// Returns a job whose chunks come from elsewhere, and whose outcomes go to `outcomes`.
    pub(crate) fn remote_job(&self, function: u64, state: Option<Vec<u8>>, outcomes: &Arc<RemoteOutcomes>) -> Arc<Job> {
        let state = state.map(|bytes| Payload { bytes, ..Payload::default() });
        let prepared = Prepared { function: Function(function), state, label: "" };
        Arc::new(self.new_job(prepared, false).remote(outcomes.clone()))
    }

    /// Queues chunks that came from elsewhere.
    pub(crate) fn submit_remote(&self, chunks: impl IntoIterator<Item = Chunk>) {
        self.with(|state| {
            chunks.into_iter().for_each(|chunk| state.enqueue(chunk));
            state.dispatch();
        });
    }

    /// Takes up to `max` chunks that have not begun out of the backlog. Returns the client's
    /// numbers for them.
    pub(crate) fn give_back(&self, max: u32) -> Vec<u64> {
        self.with(|state| {
            state.take_all_back();
            let chunks = state.backlog.withdraw(max as usize);
            state.dispatch();
            chunks.into_iter().map(|chunk| chunk.into_outcome().1).collect()
        })
    }

    /// Returns `true` if there are tasks that are not done.
    pub(crate) fn is_busy(&self) -> bool {
        self.with(|state| state.backlog.outstanding() > 0)
    }

    /// Returns the time that a task of a function takes, in nanoseconds, as last seen.
    pub(crate) fn cost(&self, function: u64) -> Option<u64> {
        self.with(|state| state.backlog.cost(function))
    }

    /// Moves what can move. If that is nothing, sleeps until there is something, for at most
    /// `timeout`. Returns `true` if anything moved at first.
    pub(crate) fn step_or_sleep(&self, timeout: Duration) -> bool {
        let moved = self.with(State::step);
        if !moved && !timeout.is_zero() {
            self.monitor.sleep(None, Instant::now().checked_add(timeout));
        }
        moved
    }
}
