//! What can be asked of a running engine beside running tasks: wait for a job (with a thread, with
//! a waker, or by a callback), cancel, resize, count, signal.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::engine::backlog::TaskCounts;
use crate::engine::remote::Order;
use crate::engine::snapshot::Snapshot;
use crate::engine::state::State;
use crate::engine::waiters::ANY_JOB;
use crate::engine::worker_handle::{KillReason, WorkerHandle};
use crate::engine::workers::WorkerCounts;
use crate::engine::{Engine, Job, START_TIMEOUT};
use crate::error::{Error, Result};
use crate::exit_status::ExitStatus;
use crate::progress::WhenDone;
use crate::trace::Trace;

/// A worker at one moment, for [`WorkerInfo`](crate::WorkerInfo).
pub(crate) struct WorkerSnapshot {
    pub(crate) id: u64,
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) pid: u32,
    pub(crate) tasks_done: u64,
    pub(crate) busy: bool,
}

impl State {
    /// Takes back or kills what a worker has of a job.
    fn cancel_in_flight(&mut self, slot: usize, job: &Arc<Job>) {
        if !self.workers.get(slot).is_some_and(|worker| worker.has_chunk_of(job)) {
            return;
        }
        self.take_back(slot);
        self.collect(slot);
        if let Some(worker) = self.workers.get(slot)
            && worker.has_first(job)
        {
            let task = worker.started();
            self.kill(slot, KillReason::Cancelled(task));
        }
    }
}

impl Engine {
    /// Waits for a job's end. Returns `false` if the deadline came first.
    pub(crate) fn wait_done(&self, job: &Job, deadline: Option<Instant>) -> bool {
        self.monitor.wait(job.id, deadline, |_| job.is_done())
    }

    /// Waits for a job's next outcome, or its end. Returns `false` if the deadline came first.
    pub(crate) fn wait_next(&self, job: &Job, deadline: Option<Instant>) -> bool {
        self.monitor.wait(job.id, deadline, |_| job.has_next() || job.is_done())
    }

    /// Waits until `done`, which another thread makes true and then calls
    /// [`notify`](Engine::notify).
    pub(crate) fn wait_for(&self, deadline: Option<Instant>, done: impl Fn() -> bool) -> bool {
        self.monitor.wait(ANY_JOB, deadline, |_| done())
    }

    /// Has every waiting thread look again.
    pub(crate) fn notify(&self) {
        self.monitor.notify_all();
    }

    /// Wakes a task of an async runtime when a job is done. Returns `false` if it is.
    pub(crate) fn wake_when_done(self: &Arc<Self>, job: &Job, waker: &Waker) -> bool {
        let pending = job.wake_when_done(waker);
        if pending {
            self.supervise(true);
        }
        pending
    }

    /// Wakes a task of an async runtime when a job's next outcome arrives, or it is done. Returns
    /// `false` if that is so.
    #[cfg(feature = "stream")]
    pub(crate) fn wake_at_next(self: &Arc<Self>, job: &Job, waker: &Waker) -> bool {
        let pending = job.wake_at_next(waker);
        if pending {
            self.supervise(true);
        }
        pending
    }

    /// Runs `run` on the callback thread when a job is done.
    pub(crate) fn run_when_done(self: &Arc<Self>, job: &Job, run: WhenDone) {
        match job.run_when_done(run) {
            Some(run) => self.monitor.run_callback(run),
            None => self.supervise(true),
        }
    }

    /// Cancels a job: what has not begun will not, and what runs is ended with its worker. Returns
    /// `true` if there was anything to cancel.
    pub(crate) fn cancel(&self, job: &Arc<Job>) -> bool {
        self.with(|state| {
            if !job.abandon() {
                return false;
            }
            state.workers.slots().for_each(|slot| state.cancel_in_flight(slot, job));
            for chunk in state.backlog.remove_job(job) {
                state.put_back(chunk);
            }
            if !job.is_done() {
                state.order(Order::Cancel(job.id));
            }
            state.dispatch();
            true
        })
    }

    /// Drops a job's state from the workers. No tasks of it will be submitted any more.
    pub(crate) fn forget(&self, job: &Job) {
        if job.has_state() {
            self.with(|state| state.forget(job));
        }
    }

    /// Drops what is left of a job: what has not begun will not; what runs goes on, and its results
    /// are not used.
    pub(crate) fn abandon(&self, job: &Job) {
        if self.owner().is_here() && job.abandon() {
            self.with(|state| {
                state.order(Order::Abandon(job.id));
                state.dispatch();
            });
        }
    }

    /// Returns `true` if a task of the job runs, or has run.
    pub(crate) fn has_begun(&self, job: &Arc<Job>) -> bool {
        self.with(|state| {
            let runs = |worker: &WorkerHandle| worker.running_since().is_some() && worker.has_first(job);
            let handed_out = || state.remote.is_some() && !state.backlog.has_job(job);
            job.has_progressed() || state.workers.iter().any(runs) || handed_out()
        })
    }

    /// Changes the number of workers, and waits until new ones have been forked.
    pub(crate) fn resize(&self, processes: usize) -> Result<()> {
        self.check()?;
        self.monitor.locked(|state| {
            if let Some(error) = state.lifecycle.refusal() {
                return Err(error);
            }
            state.resize(processes);
            Ok(())
        })?;
        let started = |state: &State| state.starts.has_failed() || state.workers.iter().all(|worker| worker.pid() != 0);
        self.monitor.wait(ANY_JOB, Some(Instant::now() + START_TIMEOUT), started);
        Ok(())
    }

    /// Returns the number of workers there should be.
    pub(crate) fn wanted(&self) -> usize {
        self.with(|state| state.size.wanted())
    }

    /// Returns the maximum number of workers, while there is a backlog.
    pub(crate) fn breadth(&self) -> usize {
        self.with(|state| state.size.max())
    }

    /// Cancels all tasks that have not begun. A chunk that has begun is done whole.
    pub(crate) fn cancel_pending(&self) {
        self.with(|state| {
            state.take_all_back();
            for mut chunk in state.backlog.take_all() {
                chunk.fail_rest(&Error::Cancelled);
                state.complete(chunk);
            }
            state.order(Order::CancelPending);
        });
    }

    /// Returns the workers whose processes were started and have not ended.
    pub(crate) fn workers(&self) -> Vec<WorkerSnapshot> {
        self.with(|state| {
            state.step();
            state.attend();
            let workers = state.workers.slots().filter_map(|slot| Some((slot, state.workers.get(slot)?)));
            workers
                .filter(|(_, worker)| worker.pid() != 0)
                .map(|(index, worker)| WorkerSnapshot {
                    id: worker.id(),
                    index,
                    name: worker.name().to_string(),
                    pid: worker.pid(),
                    tasks_done: worker.finished(),
                    busy: worker.running_since().is_some(),
                })
                .collect()
        })
    }

    /// Returns the counters.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.with(|state| {
            state.step();
            let TaskCounts { submitted, completed, failed, kinds } = state.backlog.counts();
            let WorkerCounts { started, lost, busy_ns } = state.workers.counts();
            let running = state.workers.iter().filter(|worker| worker.running_since().is_some()).count() as u64;
            let sum = |own: u64, counter: fn(&Snapshot) -> u64| {
                state.remote.as_ref().map_or(own, |remote| remote.sum(counter))
            };
            Snapshot {
                submitted,
                completed,
                failed,
                kinds,
                busy_ns: sum(busy_ns, |server| server.busy_ns),
                outstanding: state.backlog.outstanding(),
                running: sum(running, |server| server.running),
                workers_started: sum(started, |server| server.workers_started),
                workers_lost: sum(lost, |server| server.workers_lost),
                open: state.lifecycle.refusal().is_none(),
            }
        })
    }

    /// Returns all tasks that were traced so far.
    pub(crate) fn trace(&self) -> Trace {
        self.with(|state| {
            state.step();
            Trace::new(state.events.clone())
        })
    }

    /// Has the workers exit by themselves once they have done what they were given.
    pub(crate) fn finish_after_tasks(self: &Arc<Self>) {
        let sending = self.with(|state| {
            state.lifecycle.close();
            state.retire_all();
            state.workers.iter().any(WorkerHandle::is_sending)
        });
        if sending {
            // The rest of the arguments goes out as the worker makes room, whether or not a thread
            // waits.
            self.supervise(true);
        }
    }

    /// Waits until no worker is left. Returns `false` if the deadline came first.
    pub(crate) fn wait_ended(&self, deadline: Option<Instant>) -> bool {
        self.monitor.wait(ANY_JOB, deadline, |state| state.workers.is_empty())
    }

    /// Returns how the last worker to end did so.
    pub(crate) fn last_exit(&self) -> Option<ExitStatus> {
        self.with(|state| state.workers.last_exit())
    }

    /// Sends a signal to every worker; `handled` means only to a handler that it has set.
    pub(crate) fn signal(&self, signal: i32, handled: bool) -> Result<()> {
        self.check()?;
        self.monitor.locked(|state| {
            let Some(zygote) = state.zygote.clone() else { return Ok(()) };
            state.workers.iter().try_for_each(|worker| zygote.signal(worker.id(), signal, handled))
        })
    }
}
