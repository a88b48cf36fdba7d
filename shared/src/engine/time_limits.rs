//! What takes too long: tasks with a time limit, queues that are stuck behind a long task, and
//! workers that are stopped or cannot be understood; and when to look again.
//!
//! A process that is stopped, or that has garbled what it shares with its parent, writes no result
//! and gives the zygote nothing to report. So while there is something to wait for, each worker is
//! observed now and then.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::engine::state::State;
use crate::engine::worker_handle::{KillReason, OBSERVATION_PERIOD, WorkerHandle};
use crate::sys::now_ns;

/// A worker that has begun nothing new for this long (nanoseconds) gives back what waits behind its
/// task, if another worker has nothing to do.
const STUCK: u64 = 1_000_000;

/// A worker that has been given something and has not begun it for this long (nanoseconds) is
/// stopped, or cannot get a CPU.
const QUIET: u64 = 1_000_000_000;

/// The time by which the report of a start or an end may be late (nanoseconds) before it is checked
/// whether the zygote is stopped. It does nothing that takes time, but the end of a large process
/// does.
const REPORT_LATE: u64 = 5_000_000_000;

/// The longest sleep while a task runs that has a time limit: a pause of the program shows in a
/// sleep that takes longer.
const MAX_SLEEP: Duration = Duration::from_millis(100);

impl State {
    /// Returns `true` if tasks that run, or will, have a time limit.
    #[inline]
    pub(super) fn has_limits(&self) -> bool {
        self.config.task_timeout.is_some() || self.backlog.has_limited()
    }

    /// Records that from now on there are time limits. A leader that sleeps does not know of them.
    pub(super) fn begin_limits(&mut self) {
        self.watchdog.on_limits_begin(now_ns());
        if self.waiters.is_asleep() {
            self.notifier.notify();
        }
    }

    /// Returns the time limit of the task that a worker runs or has next, in nanoseconds, with its
    /// grace once it was warned.
    fn limit(&self, worker: &WorkerHandle) -> Option<u64> {
        let limit = worker.time_limit().or(self.config.task_limit())?;
        Some(if worker.is_warned() { limit.saturating_add(worker.grace()) } else { limit })
    }

    /// Ends tasks that take too long, and gives idle workers what waits behind long tasks.
    pub(super) fn enforce_limits(&mut self, now: u64) {
        if self.has_limits() {
            self.watchdog.on_limits_look(now);
            for slot in self.workers.slots() {
                self.end_overdue(slot, now);
            }
        }
        for slot in self.workers.slots() {
            if !self.has_idle() || !self.backlog.is_empty() {
                break;
            }
            self.unstick(slot, now);
        }
    }

    /// Returns `true` if a worker has nothing to do, or one more may be started.
    fn has_idle(&self) -> bool {
        self.workers.has_idle() || self.can_grow()
    }

    /// Warns or kills a worker whose task takes too long.
    fn end_overdue(&mut self, slot: usize, now: u64) {
        if self.overdue_task(slot, now).is_none() {
            return;
        }
        // It may have finished just now, and it must not begin anything else while the signal is on
        // its way.
        self.take_back(slot);
        self.collect(slot);
        if let Some(task) = self.overdue_task(slot, now)
            && !self.warn(slot)
        {
            self.kill(slot, KillReason::TimedOut(task));
        }
        self.dispatch();
    }

    /// Warns the task that a worker runs that its time is over, if it is to be warned first.
    /// Returns `false` if it is not, or was.
    fn warn(&mut self, slot: usize) -> bool {
        // Whatever waits behind it would receive a signal that is late.
        let warns = |worker: &WorkerHandle| worker.grace() > 0 && !worker.is_warned() && !worker.has_queued();
        if !self.workers.get(slot).is_some_and(warns) {
            return false;
        }
        if let (Some(id), Some(zygote)) = (self.workers.warn(slot), &self.zygote) {
            // If the zygote cannot be reached it has ended, and the worker with it.
            let _ = zygote.signal(id, Signal::SIGTERM as i32, true);
        }
        self.flush(slot);
        true
    }

    /// Returns the number of the task that a worker runs, if it takes too long.
    fn overdue_task(&self, slot: usize, now: u64) -> Option<u64> {
        let worker = self.workers.get(slot)?;
        let (since, limit) = (worker.running_since()?, self.limit(worker)?);
        (!worker.is_killed() && self.watchdog.elapsed(since, now) >= limit).then(|| worker.started())
    }

    /// Takes back what waits behind a task that takes long.
    fn unstick(&mut self, slot: usize, now: u64) {
        let Some(worker) = self.workers.get(slot) else { return };
        let elapsed = now.saturating_sub(worker.last_active());
        if !worker.has_queued() || elapsed < STUCK {
            return;
        }
        // Its function is not as quick as was thought, or the same worker would get the same tasks
        // again.
        if let Some(function) = worker.function() {
            self.backlog.record_cost(function, elapsed);
        }
        self.workers.raise_load(slot, elapsed);
        self.take_back(slot);
        self.dispatch();
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
        let overdue = self.limit(worker).is_some_and(|limit| quiet >= limit.saturating_add(QUIET));
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

    /// Returns when to observe the workers again, if anything is awaited of one.
    fn next_liveness_check(&self) -> Option<u64> {
        self.workers.iter().any(WorkerHandle::is_awaited).then_some(self.watchdog.liveness_due())
    }

    /// Returns when something will have to be looked at even if no worker notifies the parent.
    pub(super) fn next_look(&self) -> Option<Instant> {
        let now = now_ns();
        let mut soonest: Option<u64> = None;
        let mut at = |time: u64| soonest = Some(soonest.map_or(time, |soonest| soonest.min(time)));
        let has_idle = self.has_idle();
        self.next_shrink().into_iter().chain(self.next_liveness_check()).for_each(&mut at);
        for worker in self.workers.iter() {
            if let (Some(limit), true) = (self.limit(worker), worker.has_work()) {
                // The limit of a task that has not begun counts from when it will have.
                let since = worker.running_since().unwrap_or(now);
                at(self.watchdog.limit_reached_at(since, limit));
            }
            if has_idle && worker.has_queued() {
                // What could not be taken back just now will not be at once.
                at(worker.last_active().max(now) + STUCK);
            }
        }
        let look = soonest.and_then(|time| Instant::now().checked_add(Duration::from_nanos(time.saturating_sub(now))));
        let start = self.starts.again().filter(|_| !self.lifecycle.has_ended());
        // A chunk that waits may be given to a worker by another thread while this one sleeps.
        let watches =
            self.has_limits() && (self.backlog.has_limited() || self.workers.iter().any(WorkerHandle::has_work));
        let latest = watches.then(|| Instant::now() + MAX_SLEEP);
        [look, start, latest].into_iter().flatten().min()
    }
}
