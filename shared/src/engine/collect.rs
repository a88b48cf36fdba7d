//! Collecting results: from a worker's ring to the jobs they belong to.

use crate::engine::state::State;
use crate::engine::worker_handle::KillReason;
use crate::error::Error;

impl State {
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
