//! Assigning chunks: which worker gets the next one.
//!
//! An idle worker, the one used last first: its caches are warm, and it may still be awake. But
//! while the tasks are so short that to wake another worker would take longer than to run them,
//! they go to the one that is at it already; and when none is idle, workers get a little work in
//! advance, which they give back if it turns out to wait behind a long task.

use crate::engine::state::State;

/// While the last used worker has less work than this (nanoseconds), it gets the next short task,
/// too: to wake another would take longer (two kernel wake-ups, 25 µs each where this was
/// measured).
const KEEP_AWAKE: u64 = 60_000;

/// A worker gets work in advance for this long at most (nanoseconds), so that it need not wait for
/// its parent to wake up. With more, a long task that is not known to be one would more often wait
/// behind another.
const AHEAD: u64 = 1_500_000;

impl State {
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
}
