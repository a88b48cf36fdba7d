//! Moving tasks to workers and results back, as far as they move without waiting: a step.
//!
//! The next chunk goes to an idle worker, the one used last first: its caches are warm, and it may
//! still be awake. But while the tasks are so short that to wake another worker would take longer
//! than to run them, they go to the one that is at it already; and when none is idle, workers get a
//! little work in advance, which they give back if it turns out to wait behind a long task.

use std::sync::Arc;

use crate::engine::chunk::Tasks;
use crate::engine::job::Job;
use crate::engine::state::State;
use crate::engine::worker_handle::KillReason;
use crate::error::Error;
use crate::sys::now_ns;

/// While the last used worker has less work than this (nanoseconds), it gets the next short task,
/// too: to wake another would take longer (two kernel wake-ups, 25 µs each where this was
/// measured).
const KEEP_AWAKE: u64 = 60_000;

/// A worker gets work in advance for this long at most (nanoseconds), so that it need not wait for
/// its parent to wake up. With more, a long task that is not known to be one would more often wait
/// behind another.
const AHEAD: u64 = 1_500_000;

impl State {
    /// Takes tasks into the backlog, or fails them at once if the pool takes none.
    pub(super) fn submit(&mut self, job: &Arc<Job>, tasks: Tasks) {
        let chunk = self.backlog.number(job, tasks);
        self.enqueue(chunk);
        self.dispatch();
        self.wake_io_thread();
    }

    /// Adds a failure of one task that could not be encoded.
    pub(super) fn submit_failed(&mut self, job: &Arc<Job>, error: Error) {
        let mut chunk = self.backlog.number(job, Tasks { count: 1, ..Tasks::default() });
        self.backlog.add(&chunk);
        chunk.fail(error);
        self.complete(chunk);
    }

    /// Moves results and tasks. Returns `true` if anything moved.
    pub(super) fn step(&mut self) -> bool {
        let mut moved = false;
        for slot in self.workers.slots() {
            moved |= self.collect(slot) | self.flush(slot);
        }
        self.dispatch();
        if self.watchdog.count_step() {
            moved |= self.attend();
        }
        moved
    }

    /// Does the part of a step that is not worth doing each time. Returns `true` if there were
    /// reports.
    pub(super) fn attend(&mut self) -> bool {
        let any = self.handle_reports();
        let now = now_ns();
        self.enforce_limits(now);
        if self.starts.take_due() {
            self.replace_missing();
        }
        self.check_liveness(now);
        self.shrink(now);
        self.retire_if_finished();
        any
    }

    /// Hands chunks from the backlog to workers.
    pub(super) fn dispatch(&mut self) {
        loop {
            self.fail_blocked();
            let Some(chunk) = self.backlog.front() else { return };
            if self.remote.is_some() {
                return;
            }
            let cost = self.backlog.cost(chunk.job().function.0);
            let Some(slot) = self.choose_worker(cost) else {
                if self.grow(cost) {
                    continue;
                }
                return;
            };
            let Some(chunk) = self.backlog.pop_front() else { return };
            // A function never seen counts as long, so that its first tasks spread over the
            // workers.
            if let Some(failed) = self.workers.assign(slot, chunk, cost.unwrap_or(AHEAD), !self.config.replace) {
                self.complete(failed);
                continue;
            }
            self.flush(slot);
            self.workers.set_last_used(slot, &self.config);
        }
    }

    /// Returns the worker for the first chunk of the backlog, of which a task takes `cost`
    /// nanoseconds, if that is known.
    fn choose_worker(&mut self, cost: Option<u64>) -> Option<usize> {
        let chunk = self.backlog.front()?;
        let bytes = chunk.tasks().payload.len() + chunk.job().state().map_or(0, |state| state.bytes.len());
        let cost = cost.map_or(AHEAD, |cost| cost.saturating_mul(chunk.left().into()));
        let last = self.workers.last_used();
        if let Some(slot) = last.filter(|slot| self.workers.can_queue(*slot, chunk, bytes, cost, KEEP_AWAKE)) {
            return Some(slot);
        }
        if let Some(slot) = self.workers.idle_worker() {
            return Some(slot);
        }
        // In turns, from the one after the last used.
        let (slots, first) = (self.workers.slots().end, last.map_or(0, |last| last + 1));
        (0..slots)
            .map(|step| (first + step) % slots)
            .find(|slot| self.workers.can_queue(*slot, chunk, bytes, cost, AHEAD))
    }

    /// Takes the results that a worker has published. Returns `true` if anything came.
    pub(super) fn collect(&mut self, slot: usize) -> bool {
        self.collect_from(slot, false)
    }

    /// Takes all results of a worker that has ended.
    pub(super) fn collect_last(&mut self, slot: usize) {
        self.collect_from(slot, true);
    }

    fn collect_from(&mut self, slot: usize, last: bool) -> bool {
        let Some(received) = self.workers.receive(slot, last, self.config.max_memory) else { return false };
        let moved = received.tasks > 0 || received.large > 0;
        if received.tasks > 0
            && let Some(worker) = self.workers.get(slot)
        {
            self.starts.on_result(worker.id());
        }
        if let Some((function, sample)) = received.cost {
            self.backlog.record_cost(function, sample);
        }
        if received.corrupt {
            self.kill(slot, KillReason::Corrupt);
        }
        if let Some(error) = received.init_failed {
            self.break_down(Error::Initializer(Box::new(error)));
        }
        self.record_events(received.events);
        for chunk in received.chunks {
            self.put_back(chunk);
        }
        moved
    }
}
