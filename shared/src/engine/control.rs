//! What can be asked of a running engine beside running tasks: cancel, resize, tell.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;

use crate::engine::core::{Core, Counts, Phase};
use crate::engine::link::{Doom, Link};
use crate::engine::outside::Order;
use crate::engine::{Engine, Job, PATIENCE};
use crate::error::{Error, Result};
use crate::exit_status::ExitStatus;
use crate::trace::Trace;

/// What a worker is doing, for [`WorkerInfo`](crate::WorkerInfo).
pub(crate) struct WorkerState {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) pid: u32,
    pub(crate) tasks_done: u64,
    pub(crate) busy: bool,
}

/// A pool's counters at one moment.
#[derive(Default)]
pub(crate) struct Snapshot {
    pub(crate) submitted: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
    /// Nanoseconds that workers have run tasks.
    pub(crate) busy_ns: u64,
    pub(crate) outstanding: u64,
    pub(crate) running: u64,
    pub(crate) workers_started: u64,
    pub(crate) workers_lost: u64,
    pub(crate) open: bool,
}

impl Engine {
    /// Cancels a job: what has not begun will not, and what runs is ended with its worker. Says
    /// whether there was anything to cancel.
    pub(crate) fn cancel(&self, job: &Arc<Job>) -> bool {
        self.with(|core| {
            if !job.abandon() {
                return false;
            }
            for slot in 0..core.links.len() {
                let Some(link) = core.link(slot) else { continue };
                if !link.in_flight.iter().any(|sent| Arc::ptr_eq(&sent.chunk.job, job)) {
                    continue;
                }
                core.take_back(slot);
                core.collect(slot);
                let Some(link) = core.link(slot) else { continue };
                if link.in_flight.front().is_some_and(|sent| Arc::ptr_eq(&sent.chunk.job, job)) {
                    let task = link.started();
                    core.doom(slot, Doom::Cancelled(task));
                }
            }
            core.order(Order::Cancel(job.id));
            let (gone, kept): (Vec<_>, Vec<_>) = core.backlog.drain(..).partition(|chunk| Arc::ptr_eq(&chunk.job, job));
            core.backlog.extend(kept);
            gone.into_iter().for_each(|chunk| core.settle(chunk));
            core.dispatch();
            true
        })
    }

    /// Whether a task of the job runs, or has run.
    pub(crate) fn has_begun(&self, job: &Arc<Job>) -> bool {
        self.with(|core| {
            let runs = |link: &Link| {
                let first = link.in_flight.front();
                link.running_since().is_some() && first.is_some_and(|sent| Arc::ptr_eq(&sent.chunk.job, job))
            };
            let handed_out =
                |core: &Core| core.is_outside() && !core.backlog.iter().any(|chunk| Arc::ptr_eq(&chunk.job, job));
            job.has_progressed() || core.living().any(runs) || handed_out(core)
        })
    }

    pub(crate) fn resize(&self, processes: usize) -> Result<()> {
        self.check()?;
        self.locked(|core| {
            if let Some(error) = core.refusal() {
                return Err(error);
            }
            core.resize(processes);
            Ok(())
        })?;
        let started = |core: &Core| core.failed_starts > 0 || core.living().all(|link| link.pid != 0);
        self.wait(0, Some(Instant::now() + PATIENCE), started);
        Ok(())
    }

    pub(crate) fn wanted(&self) -> usize {
        self.with(|core| core.wanted)
    }

    /// How many workers there may be while there is a backlog.
    pub(crate) fn breadth(&self) -> usize {
        self.with(|core| core.most.max(core.wanted))
    }

    /// Cancels all tasks that have not begun. A chunk that has begun is done whole.
    pub(crate) fn cancel_pending(&self) {
        self.with(|core| {
            for slot in 0..core.links.len() {
                core.take_back(slot);
            }
            for mut chunk in std::mem::take(&mut core.backlog) {
                chunk.fail_rest(&Error::Cancelled);
                core.finish(chunk);
            }
            core.order(Order::CancelPending);
        });
    }

    pub(crate) fn workers(&self) -> Vec<WorkerState> {
        self.with(|core| {
            core.step();
            core.attend();
            let living = core.living().filter(|link| link.pid != 0);
            living
                .map(|link| WorkerState {
                    id: link.id,
                    name: link.name.to_string(),
                    pid: link.pid,
                    tasks_done: link.finished,
                    busy: link.running_since().is_some(),
                })
                .collect()
        })
    }

    /// Readable when a worker has rung.
    pub(crate) fn notifier(&self) -> BorrowedFd<'_> {
        self.notifier.as_fd()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.with(|core| {
            core.step();
            let Counts { submitted, completed, failed, cancelled, spent, workers_started, workers_lost } = core.counts;
            Snapshot {
                submitted,
                completed,
                failed,
                cancelled,
                busy_ns: core.living().map(Link::busy_ns).fold(spent, u64::saturating_add),
                outstanding: core.outstanding,
                running: core.living().filter(|link| link.running_since().is_some()).count() as u64
                    + core.running_outside(),
                workers_started: workers_started + core.unannounced(),
                workers_lost,
                open: core.refusal().is_none(),
            }
        })
    }

    pub(crate) fn trace(&self) -> Trace {
        self.with(|core| {
            core.step();
            Trace::new(core.events.clone())
        })
    }

    /// Has the workers end by themselves once they have done what they were given.
    pub(crate) fn finish_after_tasks(self: &Arc<Self>) {
        let sending = self.with(|core| {
            core.enter(Phase::Closing);
            for slot in 0..core.links.len() {
                if let Some(link) = core.link(slot) {
                    link.retire();
                    core.push(slot);
                }
            }
            core.living().any(Link::is_sending)
        });
        if sending {
            // The rest of the arguments goes out as the worker makes room, whether or not anybody waits.
            self.supervise(true);
        }
    }

    /// Waits until no worker is left. `false` if the deadline came first.
    pub(crate) fn wait_ended(&self, deadline: Option<Instant>) -> bool {
        self.wait(0, deadline, |core| core.living().next().is_none())
    }

    /// How the last worker to end did so.
    pub(crate) fn last_exit(&self) -> Option<ExitStatus> {
        self.with(|core| core.last_exit)
    }

    /// Sends a signal to every worker; `handled` says only to a handler that it has set.
    pub(crate) fn signal(&self, signal: i32, handled: bool) -> Result<()> {
        self.check()?;
        self.locked(|core| {
            let Some(zygote) = core.zygote.clone() else { return Ok(()) };
            core.living().try_for_each(|link| zygote.signal(link.id, signal, handled))
        })
    }
}
