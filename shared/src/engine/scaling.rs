//! The number of workers: lost ones are replaced, and between bounds there are fewer when there is
//! nothing to do. (More are started by [`dispatch`](crate::engine::dispatch), for a backlog.)

use std::time::Duration;

use crate::engine::state::State;
use crate::engine::worker_handle::WorkerHandle;
use crate::error::Error;
use crate::sys::now_ns;

/// The shortest time between two looks at whether a worker can go.
const MIN_NAP: Duration = Duration::from_millis(10);

impl State {
    /// Starts as many workers as are missing.
    pub(super) fn replace_missing(&mut self) {
        if !self.lifecycle.is_running() {
            return;
        }
        if let (false, Some(exit)) = (self.config.replace, self.workers.last_exit()) {
            return self.break_down(Error::NoWorkers { exit });
        }
        if self.is_finished() || self.starts.is_waiting() {
            return;
        }
        while self.workers.are_missing() {
            if let Err(error) = self.start_worker() {
                return self.on_start_failed(error);
            }
        }
        self.dispatch();
    }

    /// Changes how many workers there should be from now on.
    pub(super) fn resize(&mut self, wanted: usize) {
        for slot in self.workers.resize(wanted) {
            self.take_back(slot);
            self.workers.retire(slot);
            self.flush(slot);
        }
        self.replace_missing();
        self.dispatch();
    }

    /// Returns when an idle worker has had nothing to do for so long that it can go.
    fn spare_at(&self, worker: &WorkerHandle) -> Option<u64> {
        let spare = worker.is_serving() && !worker.has_work() && worker.is_ready();
        spare.then(|| worker.last_active().saturating_add(self.config.shrink_ns()))
    }

    fn can_shrink(&self) -> bool {
        self.workers.can_shrink() && self.lifecycle.is_open()
    }

    /// Returns when the next worker can go, if one is too many.
    pub(super) fn next_shrink(&self) -> Option<u64> {
        let can_shrink = self.can_shrink();
        self.workers.iter().filter(|_| can_shrink).filter_map(|worker| self.spare_at(worker)).min()
    }

    /// Returns how long it takes until a worker can go; `None` if none is too many.
    pub(super) fn time_to_shrink(&self) -> Option<Duration> {
        let left = self.next_shrink().map_or(0, |time| time.saturating_sub(now_ns()));
        self.can_shrink().then(|| Duration::from_nanos(left).max(MIN_NAP))
    }

    /// Lets workers go that have had nothing to do for long.
    pub(super) fn shrink(&mut self, now: u64) {
        for slot in self.workers.slots() {
            if !self.can_shrink() {
                return;
            }
            if self.workers.get(slot).and_then(|worker| self.spare_at(worker)).is_some_and(|time| time <= now) {
                self.workers.shrink(slot);
                self.flush(slot);
            }
        }
    }
}
