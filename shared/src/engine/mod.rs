//! The engine below every pool and process: moves tasks to workers and results back, and survives what they do.
//!
//! There is no thread that everything passes through. State lives under one lock ([`core`]), and whoever waits for a result
//! drives it meanwhile ([`wait`]): the first waiter leads, looking at the rings and sleeping on the bell; the others are woken
//! when their job is done, or to take the lead. A [`supervisor`] thread leads only when there is work and nobody waits.
//!
//! - [`job`], [`chunk`], [`outcome`]: what was asked for, the pieces that travel, and what came of them;
//! - [`link`]: the pool's end of one worker;
//! - [`core`], [`lifecycle`], [`limits`]: the state and its steps;
//! - [`wait`], [`supervisor`], [`callbacks`]: the threads that drive it.

mod callbacks;
mod chunk;
mod config;
mod core;
mod job;
mod lifecycle;
mod limits;
mod link;
mod outcome;
mod supervisor;
mod trace;
mod wait;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

pub(crate) use chunk::Tasks;
pub(crate) use config::Config;
pub(crate) use job::{Job, WhenDone};
pub use trace::{TaskEvent, Trace};

use crate::engine::callbacks::Callbacks;
use crate::engine::core::{Core, Counts, Effects, Phase};
use crate::engine::link::{Doom, Link};
use crate::engine::supervisor::Supervisor;
use crate::error::{Error, Result};
use crate::exit::ExitStatus;
use crate::nursery::Family;
use crate::sys::bell::Bell;
use crate::task::Prepared;

/// How long the first workers may take to be forked.
const PATIENCE: Duration = Duration::from_secs(30);

/// A pool's machinery. Shared by the pool, its handles and its threads; [`terminate`](Engine::terminate) ends it.
pub(crate) struct Engine {
    core: Mutex<Core>,
    bell: Arc<Bell>,
    pub(crate) config: Arc<Config>,
    next_job: AtomicU64,
    supervisor: Supervisor,
    callbacks: Callbacks,
}

/// What a worker is doing, for [`WorkerInfo`](crate::WorkerInfo).
pub(crate) struct WorkerState {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) pid: u32,
    pub(crate) tasks_done: u64,
    pub(crate) busy: bool,
}

/// A pool's counters at one moment.
pub(crate) struct Snapshot {
    pub(crate) submitted: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) outstanding: u64,
    pub(crate) running: u64,
    pub(crate) workers_started: u64,
    pub(crate) workers_lost: u64,
    pub(crate) open: bool,
}

impl Engine {
    /// Starts the workers. Comes back when all of them have been forked.
    pub(crate) fn start(config: Config) -> Result<Arc<Self>> {
        let config = Arc::new(config);
        let bell = Arc::new(Bell::new()?);
        let family = Family::new(config.method, config.vouched)?;
        let mut core = Core::new(config.clone(), bell.clone(), family);
        for _ in 0..config.processes {
            core.start_worker()?;
        }
        let engine = Arc::new(Self {
            core: Mutex::new(core),
            bell,
            config,
            next_job: AtomicU64::new(1),
            supervisor: Supervisor::default(),
            callbacks: Callbacks::default(),
        });
        // The engine's drop ends what was started if this fails.
        let all = |core: &Core| core.failed_starts > 0 || core.counts.workers_started >= core.config.processes as u64;
        engine.wait(0, Some(Instant::now() + PATIENCE), all);
        let failure =
            engine.with(|core| (core.failed_starts > 0 && core.start_again.is_some()).then(|| core.refused.take()));
        match failure.flatten() {
            Some(error) => Err(error),
            None => Ok(engine),
        }
    }

    /// Looks at or changes the state under its lock; then does what concerns others, without it.
    fn with<R>(&self, act: impl FnOnce(&mut Core) -> R) -> R {
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = act(&mut core);
        let effects = &mut core.effects;
        if effects.is_empty() {
            return answer;
        }
        let Effects { wakers, when_done, unpark } = std::mem::take(effects);
        drop(core);
        wakers.into_iter().for_each(Waker::wake);
        unpark.into_iter().for_each(|thread| thread.unpark());
        when_done.into_iter().for_each(|run| self.callbacks.run(run));
        answer
    }

    /// A new job. `ordered` keeps its outcomes in order of submission.
    pub(crate) fn job(&self, prepared: Prepared, ordered: bool) -> Arc<Job> {
        Arc::new(Job::new(self.next_job.fetch_add(1, Relaxed), prepared, ordered, self.config.max_message))
    }

    /// Queues tasks of a job; `last` says that no more will come.
    pub(crate) fn submit(&self, job: &Arc<Job>, tasks: Tasks, last: bool) {
        self.with(|core| {
            core.submit(job, tasks);
            if last {
                let aftermath = job.seal();
                core.note(job, aftermath);
            }
        });
    }

    /// Counts a task of a job that failed before it could be queued.
    pub(crate) fn submit_failed(&self, job: &Arc<Job>, error: Error, last: bool) {
        self.with(|core| {
            core.submit_failed(job, error);
            if last {
                let aftermath = job.seal();
                core.note(job, aftermath);
            }
        });
    }

    /// Says that no more tasks of a job will come.
    pub(crate) fn seal(&self, job: &Job) {
        self.with(|core| {
            let aftermath = job.seal();
            core.note(job, aftermath);
        });
    }

    /// Moves what can move now, without waiting.
    pub(crate) fn step(&self) {
        self.with(|core| {
            core.step();
            core.attend();
        });
    }

    /// Moves results and tasks, without system calls for anything else.
    pub(crate) fn nudge(&self) {
        self.with(Core::step);
    }

    /// Waits for a job's end. `false` if the deadline came first.
    pub(crate) fn wait_done(&self, job: &Job, deadline: Option<Instant>) -> bool {
        self.wait(job.id, deadline, |_| job.is_done())
    }

    /// Waits for a job's next outcome, or its end. `false` if the deadline came first.
    pub(crate) fn wait_next(&self, job: &Job, deadline: Option<Instant>) -> bool {
        self.wait(job.id, deadline, |_| job.has_next() || job.is_done())
    }

    /// Waits until `done`, which another thread makes true and then calls [`notify`](Engine::notify).
    pub(crate) fn wait_for(&self, deadline: Option<Instant>, done: impl Fn() -> bool) -> bool {
        self.wait(0, deadline, |_| done())
    }

    /// Has everybody who waits look again.
    pub(crate) fn notify(&self) {
        self.with(|core| {
            let all = core.followers.iter().map(|(_, thread)| thread.clone()).collect::<Vec<_>>();
            core.effects.unpark.extend(all);
        });
        self.bell.ring();
    }

    /// Wakes a task of an async runtime when a job is done; `false` if it is.
    pub(crate) fn wake_when_done(self: &Arc<Self>, job: &Job, waker: &Waker) -> bool {
        let pending = job.wake_when_done(waker);
        if pending {
            self.supervise(true);
        }
        pending
    }

    /// Runs `run` on the callback thread when a job is done.
    pub(crate) fn run_when_done(self: &Arc<Self>, job: &Job, run: WhenDone) {
        match job.run_when_done(run) {
            Some(run) => self.callbacks.run(run),
            None => self.supervise(true),
        }
    }

    /// Drops a job's state from the workers. Nobody will submit tasks of it any more.
    pub(crate) fn forget(&self, job: &Job) {
        if job.state.is_some() {
            self.with(|core| core.forget(job));
        }
    }

    /// Lets go of what is left of a job: what has not begun will not; what runs goes on, unheard.
    pub(crate) fn abandon(&self, job: &Job) {
        if job.abandon() {
            self.with(Core::dispatch);
        }
    }

    /// Cancels a job: what has not begun will not, and what runs is ended with its worker. Says whether there was
    /// anything to cancel.
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
            let (gone, kept): (Vec<_>, Vec<_>) = core.backlog.drain(..).partition(|chunk| Arc::ptr_eq(&chunk.job, job));
            core.backlog.extend(kept);
            gone.into_iter().for_each(|chunk| core.settle(chunk));
            core.dispatch();
            true
        })
    }

    pub(crate) fn resize(&self, processes: usize) -> Result<()> {
        self.with(|core| {
            if let Some(error) = core.refusal() {
                return Err(error);
            }
            core.resize(processes);
            Ok(())
        })
    }

    pub(crate) fn wanted(&self) -> usize {
        self.with(|core| core.wanted)
    }

    pub(crate) fn workers(&self) -> Vec<WorkerState> {
        self.with(|core| {
            core.step();
            core.attend();
            let living = core.living().filter(|link| link.pid != 0);
            living
                .map(|link| WorkerState {
                    id: link.id,
                    name: link.name.clone(),
                    pid: link.pid,
                    tasks_done: link.finished,
                    busy: link.running_since().is_some(),
                })
                .collect()
        })
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.with(|core| {
            core.step();
            let Counts { submitted, completed, failed, workers_started, workers_lost } = core.counts;
            Snapshot {
                submitted,
                completed,
                failed,
                outstanding: core.outstanding,
                running: core.living().filter(|link| link.running_since().is_some()).count() as u64,
                workers_started,
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
            core.phase = core.phase.max(Phase::Closing);
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

    /// Sends a signal to every worker.
    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) -> Result<()> {
        self.with(|core| {
            let Some(family) = core.family.clone() else { return Ok(()) };
            core.living().try_for_each(|link| family.kill(link.id, signal))
        })
    }

    /// Takes no more tasks. What was taken is still done; then the workers end.
    pub(crate) fn close(&self) {
        self.with(|core| {
            core.phase = core.phase.max(Phase::Closing);
            core.retire_if_closing();
        });
    }

    /// Waits until all tasks are done and all workers have ended; the engine must be closed. `false` if it is not.
    pub(crate) fn join(&self) -> bool {
        if self.with(|core| core.phase == Phase::Open) {
            return false;
        }
        self.wait(0, None, |core| core.outstanding == 0 && core.living().next().is_none());
        self.terminate();
        true
    }

    /// Ends everything now. Tasks that are not done are cancelled; when this returns, no process of the pool is left.
    pub(crate) fn terminate(&self) {
        let family = self.with(|core| {
            core.end();
            core.family.take()
        });
        self.notify();
        if let Some(family) = family {
            family.end();
        }
        self.supervisor.stop();
        self.callbacks.stop();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.terminate();
    }
}
