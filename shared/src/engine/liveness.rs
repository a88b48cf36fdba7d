//! Liveness checks: find workers that are stopped or cannot be understood.
//!
//! A process that is stopped, or that has garbled what it shares with its parent, writes no result
//! and gives the zygote nothing to report. So while there is something to wait for, each worker is
//! observed now and then.

use crate::engine::state::State;
use crate::engine::worker_handle::{KillReason, OBSERVATION_PERIOD, WorkerHandle};

/// A worker that has been given something and has not begun it for this long (nanoseconds) is
/// stopped, or cannot get a CPU.
const QUIET: u64 = 1_000_000_000;

/// The time by which the report of a start or an end may be late (nanoseconds) before it is checked
/// whether the zygote is stopped. It does nothing that takes time, but the end of a large process
/// does.
const REPORT_LATE: u64 = 5_000_000_000;

impl State {
    /// Returns when to observe the workers again, if anything is awaited of one.
    pub(super) fn next_liveness_check(&self) -> Option<u64> {
        self.workers.iter().any(WorkerHandle::is_awaited).then_some(self.watchdog.liveness_due())
    }

    /// Observes the workers, if it is time. One that is killed here loses the task that it runs, if
    /// it runs one.
    pub(super) fn check_liveness(&mut self, now: u64) {
        if !self.watchdog.take_liveness_due(now, OBSERVATION_PERIOD) {
            return;
        }
        for slot in self.workers.slots() {
            let Some(seen) = self.workers.observe(slot, now) else { continue };
            if seen.report_late >= REPORT_LATE
                && self.zygote.as_ref().is_some_and(|zygote| zygote.kill_stopped_zygote())
            {
                // The end of the channel brings on the rest.
                return;
            }
            if seen.confused {
                self.kill(slot, KillReason::Corrupt);
            } else {
                self.end_stalled(slot, self.watchdog.elapsed(now - seen.quiet, now));
            }
        }
    }

    /// Kills a worker that has been `quiet` for too long, or passes on what it does not begin.
    fn end_stalled(&mut self, slot: usize, quiet: u64) {
        let Some(worker) = self.workers.get(slot) else { return };
        if !worker.has_work() || worker.is_killed() {
            return;
        }
        let overdue = self.config.task_limit().is_some_and(|limit| quiet >= limit.saturating_add(QUIET));
        let (running, ready, task) = (worker.running_since().is_some(), worker.is_ready(), worker.started());
        if running && overdue {
            // The time at which its task began is the worker's own, and wrong, or the limit would
            // have ended it.
            self.kill(slot, KillReason::TimedOut(task));
        } else if !running && overdue && ready {
            self.kill(slot, KillReason::Stalled);
        } else if !running && quiet >= QUIET && self.workers.has_other_idle(slot) {
            self.pass_on(slot);
        }
    }

    /// Gives what a worker does not begin to others. It comes last from now on.
    fn pass_on(&mut self, slot: usize) {
        let chunks = self.workers.pass_over(slot);
        self.backlog.push_all_front(chunks);
        self.dispatch();
    }
}
