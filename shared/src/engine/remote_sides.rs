//! The two sides of tasks that travel: the client, an engine without workers whose I/O thread takes
//! chunks out of its backlog, and the server, an engine with workers that runs chunks which came
//! from elsewhere.
#![cfg_attr(not(feature = "mpi"), allow(dead_code))] // Only the feature `mpi` has a connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::engine::chunk::Chunk;
use crate::engine::config::Config;
use crate::engine::job::{Job, TaskLimits};
use crate::engine::remote::{Offer, Order, Remote, RemoteOutcomes, Status};
use crate::engine::snapshot::Snapshot;
use crate::engine::state::State;
use crate::error::{Error, Result};
use crate::fds::Payload;
use crate::sys::poll::Notifier;
use crate::task::{Function, Prepared};

/// The client.
impl Engine {
    /// Returns an engine whose tasks run elsewhere, in `workers` workers.
    pub(crate) fn without_workers(config: Config, workers: usize) -> Result<Arc<Self>> {
        let config = Config { processes: workers, max_processes: workers, ..config };
        let mut state = State::new(Arc::new(config), Arc::new(Notifier::new()?), None);
        state.remote = Some(Remote::default());
        Ok(Arc::new(Self::new(state)))
    }

    /// Takes up to `max` chunks out of the backlog. `choose` returns the number of the server that
    /// gets the offered one, or `None` to take no more.
    pub(crate) fn hand_out(&self, max: usize, mut choose: impl FnMut(&Offer) -> Option<usize>) -> Vec<(usize, Chunk)> {
        self.with(|state| {
            let mut handed = Vec::new();
            while handed.len() < max {
                state.fail_blocked();
                let Some(chunk) = state.backlog.front() else { break };
                let cost = state.backlog.cost(chunk.job().function.0);
                let offer = Offer { tasks: chunk.left(), bytes: chunk.tasks().payload.len(), cost };
                let Some(server) = choose(&offer) else { break };
                handed.extend(state.backlog.pop_front().map(|chunk| (server, chunk)));
            }
            handed
        })
    }

    /// Puts chunks back that were handed out and not begun, before all others.
    pub(crate) fn put_back(&self, chunks: Vec<Chunk>) {
        self.with(|state| state.put_all_back(chunks));
    }

    /// Takes chunks back whose outcome is known.
    pub(crate) fn bring_back(&self, chunks: impl IntoIterator<Item = Chunk>) {
        self.with(|state| chunks.into_iter().for_each(|chunk| state.complete(chunk)));
    }

    /// Records the time that a task of a function takes, in nanoseconds.
    pub(crate) fn record_cost(&self, function: u64, cost: u64) {
        self.with(|state| state.backlog.record_cost(function, cost));
    }

    /// Records the counters of a server.
    pub(crate) fn record_server(&self, server: usize, counters: Snapshot) {
        self.with(|state| {
            if let Some(remote) = &mut state.remote {
                remote.set_server(server, counters);
            }
        });
    }

    /// Returns the counters of each server from which some have come, by its number.
    pub(crate) fn servers(&self) -> Vec<Snapshot> {
        self.with(|state| state.remote.as_ref().map(|remote| remote.servers().to_vec()).unwrap_or_default())
    }

    /// Records that a server is lost, and the number of workers that are left.
    pub(crate) fn lose_server(&self, server: usize, workers: usize) {
        self.with(|state| {
            state.size.set_remote(workers);
            if let Some(remote) = &mut state.remote {
                remote.lose_server(server);
            }
        });
    }

    /// Takes the orders about chunks that were handed out, since the last call.
    pub(crate) fn take_orders(&self) -> Vec<Order> {
        self.with(|state| state.remote.as_mut().map(Remote::take_orders).unwrap_or_default())
    }

    /// Returns how far the engine is in its life.
    pub(crate) fn status(&self) -> Status {
        self.with(|state| match state.lifecycle.has_ended() {
            true => Status::Ended,
            false if state.is_finished() => Status::Done,
            false => Status::Open,
        })
    }

    /// Lets no task run from now on.
    pub(crate) fn break_down(&self, error: Error) {
        self.with(|state| state.break_down(error));
    }

    /// Records that this thread, the I/O thread, is about to sleep: it is woken as soon as there is
    /// something for it. Returns `false` if there is already.
    pub(crate) fn io_thread_sleeps(&self) -> bool {
        self.with(|state| {
            let idle = state.backlog.is_empty() && state.lifecycle.is_open();
            idle && state.remote.as_mut().is_some_and(Remote::sleep)
        })
    }
}

/// The server.
impl Engine {
    /// Returns a job whose chunks come from elsewhere, and whose outcomes go to `outcomes`.
    pub(crate) fn remote_job(
        &self,
        function: u64,
        state: Option<Vec<u8>>,
        limits: TaskLimits,
        outcomes: &Arc<RemoteOutcomes>,
    ) -> Arc<Job> {
        let state = state.map(|bytes| Payload { bytes, ..Payload::default() });
        let prepared = Prepared { function: Function(function), state, label: "" };
        Arc::new(self.new_job(prepared, false).with_limits(limits).remote(outcomes.clone()))
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
