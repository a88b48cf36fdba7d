//! The engine below every pool and process: moves tasks to workers and results back, and survives
//! what they do.
//!
//! There is no thread that everything passes through. The state lives under one lock ([`monitor`]),
//! and a thread that waits for a result drives it meanwhile: the first waiter leads, looking at the
//! rings and sleeping on the notifier; the others are woken when their job is done, or to take the
//! lead. A [`supervisor`] thread leads only when there is work and no other thread waits.
//!
//! - [`job`], [`outcome`]: what was asked for, the chunks that travel, and what came of them (in
//!   which order it is taken: [`progress`](crate::progress));
//! - [`worker_handle`]: the pool's end of one worker;
//! - [`state`] and its parts, each with its own rules: [`workers`], [`pool_size`],
//!   [`backlog`] (on a [`chunk_queue`]), [`waiters`], [`start_retry`], [`lifecycle`], [`watchdog`],
//!   [`remote`];
//! - what the state does: [`dispatch`] moves tasks to workers and results back, [`scaling`] starts
//!   workers and lets them go, [`zygote_reports`] deals with their ends, and [`time_limits`] with
//!   what takes too long;
//! - [`events`]: what it reports of workers to a subscriber of `tracing`;
//! - [`control`]: how an engine's jobs are waited for, and what else can be asked of it, as its
//!   counters ([`snapshot`]);
//!   [`remote_sides`]: tasks that run elsewhere, and those that came from there.
//!
//! A task goes from `submit` to the [`backlog`], by `dispatch` to a [`worker_handle`] and its ring;
//! its result comes by `collect` to its [`job`].
//!
//! An engine belongs to the process that started it. In a copy of that process its calls are
//! [`check`](Engine::check)ed, or do nothing, before any lock: another thread may have held it when
//! the copy was made.

mod backlog;
mod chunk;
mod chunk_queue;
mod config;
mod control;
mod dispatch;
mod events;
mod job;
mod lifecycle;
#[cfg(all(test, not(multiproc_loom)))]
mod model;
mod monitor;
mod outcome;
mod pool_size;
mod remote;
mod remote_sides;
mod scaling;
mod snapshot;
mod start_retry;
mod state;
mod supervisor;
mod time_limits;
mod waiters;
mod watchdog;
mod worker_handle;
mod workers;
mod zygote_reports;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::Waker;
use std::time::{Duration, Instant};

pub(crate) use chunk::Tasks;
pub(crate) use config::Config;
pub(crate) use job::{Job, TaskLimits};
pub(crate) use outcome::Outcome;
pub(crate) use snapshot::Snapshot;
#[cfg(feature = "mpi")]
pub(crate) use {
    chunk::Chunk,
    outcome::Parts,
    remote::{Offer, Order, RemoteOutcomes, Status},
};

use crate::engine::monitor::Monitor;
use crate::engine::remote::STAYS;
use crate::engine::state::State;
use crate::engine::supervisor::Supervisor;
use crate::engine::waiters::ANY_JOB;
use crate::error::{Error, Result};
use crate::fds::{self, Handles};
use crate::sys::pid::{Own, Owner};
use crate::sys::poll::Notifier;
use crate::sys::process;
use crate::task::Prepared;
use crate::trace::is_recording;
use crate::zygote::ZygoteClient;

/// Time that new workers may take to be forked.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A pool's machinery. Shared by the pool, its handles and its threads;
/// [`terminate`](Engine::terminate) ends it.
pub(crate) struct Engine {
    monitor: Monitor,
    pub(crate) config: Arc<Config>,
    /// Set once tasks are refused.
    refuses: Arc<AtomicBool>,
    next_job: AtomicU64,
    /// The tasks run elsewhere than in workers of this engine; see [`remote`].
    is_remote: bool,
    supervisor: Own<Supervisor>,
}

impl Engine {
    /// Starts the workers. Returns when all of them have been forked.
    pub(crate) fn start(mut config: Config) -> Result<Arc<Self>> {
        config.trace |= is_recording();
        let config = Arc::new(config);
        let zygote = ZygoteClient::new(config.method, config.unchecked)?;
        let mut state = State::new(config, Arc::new(Notifier::new()?), Some(zygote));
        state.capture = state.config.output.capture()?.map(Arc::new);
        for _ in 0..state.config.processes {
            match state.start_worker() {
                Ok(_) => {}
                Err(Error::Disconnected) => {
                    // The zygote has ended just now. A new one starts those that are missing.
                    state.on_zygote_exit();
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let engine = Arc::new(Self::new(state));
        // The engine's drop ends what was started if this fails.
        let all = |state: &State| state.starts.has_failed() || state.workers.started() >= state.config.processes as u64;
        engine.monitor.wait(ANY_JOB, Some(Instant::now() + START_TIMEOUT), all);
        let failure = engine.with(|state| match state.lifecycle.broken() {
            Some(error @ Error::Executable(_)) => Some(error.clone()),
            _ => state.starts.take_refusal(),
        });
        match failure {
            Some(error) => Err(error),
            None => {
                engine.let_supervisor_shrink();
                Ok(engine)
            }
        }
    }

    fn new(state: State) -> Self {
        Self {
            config: state.config.clone(),
            refuses: state.lifecycle.refuses(),
            next_job: AtomicU64::new(ANY_JOB + 1),
            is_remote: state.remote.is_some(),
            monitor: Monitor::new(state),
            supervisor: Own::new(Supervisor::default()),
        }
    }

    /// Returns the process that it belongs to.
    pub(crate) fn owner(&self) -> Owner {
        self.monitor.owner()
    }

    /// Fails in a process that it does not belong to.
    #[inline]
    pub(crate) fn check(&self) -> Result<()> {
        self.monitor.owner().check()
    }

    /// Reads or changes the state; see [`Monitor::with`].
    #[inline]
    fn with<R: Default>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        self.monitor.with(act)
    }

    /// Returns why no further task is taken, if so.
    pub(crate) fn refusal(&self) -> Option<Error> {
        if self.refuses.load(Relaxed) { self.with(|state| state.lifecycle.refusal()) } else { None }
    }

    /// Returns a new job. `ordered` keeps its outcomes in order of submission.
    pub(crate) fn job(&self, prepared: Prepared, ordered: bool) -> Arc<Job> {
        Arc::new(self.new_job(prepared, ordered))
    }

    /// Returns a new job whose tasks have limits of their own.
    pub(crate) fn limited_job(&self, prepared: Prepared, ordered: bool, limits: TaskLimits) -> Arc<Job> {
        Arc::new(self.new_job(prepared, ordered).with_limits(limits))
    }

    fn new_job(&self, prepared: Prepared, ordered: bool) -> Job {
        Job::new(self.next_job.fetch_add(1, Relaxed), prepared, ordered, self.config.max_message, !self.is_remote)
    }

    /// Queues tasks of a job; `last` means that no more will come. Returns `true` if tasks wait for
    /// a worker now, which a [`nudge`](Engine::nudge) may find.
    pub(crate) fn submit(&self, job: &Arc<Job>, tasks: Tasks, last: bool) -> bool {
        self.with(|state| {
            state.submit(job, tasks);
            if last {
                state.seal(job);
            }
            !state.backlog.is_empty()
        })
    }

    /// Returns `true` if tasks travel further than to a worker of this process.
    pub(crate) fn is_remote(&self) -> bool {
        self.is_remote
    }

    /// Runs `encode`, and adds to `handles` those that what it wrote needs.
    pub(crate) fn pack<R>(&self, handles: &mut Handles, encode: impl FnOnce() -> R) -> R {
        if self.is_remote { fds::forbid(STAYS, encode) } else { fds::pack(handles, encode) }
    }

    /// Counts a task of a job that failed before it could be queued.
    pub(crate) fn submit_failed(&self, job: &Arc<Job>, error: Error, last: bool) {
        self.with(|state| {
            state.submit_failed(job, error);
            if last {
                state.seal(job);
            }
        });
    }

    /// Records that no more tasks of a job will come.
    pub(crate) fn seal(&self, job: &Job) {
        self.with(|state| state.seal(job));
    }

    /// Moves what can move now, without waiting.
    pub(crate) fn step(&self) {
        self.with(|state| {
            state.step();
            state.attend();
        });
    }

    /// Moves results and tasks, without system calls for anything else.
    pub(crate) fn nudge(&self) {
        self.with(State::step);
    }

    /// Has the supervisor let workers go that have nothing to do, if there may be any.
    fn let_supervisor_shrink(self: &Arc<Self>) {
        if self.config.max_processes > self.config.processes {
            let thread = self.supervisor_thread();
            self.with(|state| state.waiters.set_shrinker(thread));
        }
    }

    /// Has the supervisor keep the pool going; `unattended` means that a callback or a future
    /// waits, which has no thread.
    pub(crate) fn supervise(self: &Arc<Self>, unattended: bool) {
        if self.is_remote || !self.owner().is_here() {
            return;
        }
        if unattended {
            self.with(|state| state.waiters.set_unattended(true));
        }
        if (unattended || !self.supervisor.is_awake())
            && let Some(thread) = self.supervisor_thread()
        {
            self.supervisor.wake(&thread);
        }
    }

    fn supervisor_thread(self: &Arc<Self>) -> Option<std::thread::Thread> {
        self.supervisor.thread(|| {
            let engine = Arc::downgrade(self);
            move || {
                if let Some(engine) = engine.upgrade() {
                    engine.supervisor.run(&engine.monitor);
                }
            }
        })
    }

    /// Takes no more tasks. What was taken is still done, even if no thread waits; then the workers
    /// exit.
    pub(crate) fn close(self: &Arc<Self>) {
        let busy = self.with(|state| {
            state.lifecycle.close();
            state.retire_if_finished();
            state.wake_io_thread();
            state.backlog.outstanding() > 0
        });
        if busy {
            self.supervise(false);
        }
    }

    /// Waits until all tasks are done, their callbacks have run and all workers have ended. Returns
    /// whether that was before the deadline; `None` if the engine is not closed.
    pub(crate) fn join(&self, deadline: Option<Instant>) -> Option<bool> {
        if !self.owner().is_here() || self.with(|state| state.lifecycle.is_open()) {
            return None;
        }
        let is_over = self.monitor.wait(ANY_JOB, deadline, State::is_over) && self.monitor.wait_for_callbacks(deadline);
        if is_over {
            self.terminate();
        }
        Some(is_over)
    }

    /// Keeps `waker` until all tasks are done and all workers have ended. Returns `false` if they
    /// have, or the engine is not closed.
    pub(crate) fn wake_when_over(self: &Arc<Self>, waker: &Waker) -> bool {
        let pending = self.with(|state| state.wake_when_over(waker));
        if pending {
            self.supervise(true);
        }
        pending
    }

    /// Ends everything now. Tasks that are not done are cancelled; when this returns, no process of
    /// the pool is left.
    ///
    /// In a copy of the process that the engine belongs to, it closes the copy's descriptors, and
    /// that is all.
    pub(crate) fn terminate(&self) {
        if !self.owner().is_here() {
            return self.monitor.close_copies();
        }
        let (pids, zygote, capture) =
            self.with(|state| (state.terminate(), state.zygote.take(), state.capture.clone()));
        self.notify();
        if let Some(zygote) = zygote {
            zygote.end();
            // The last of its clients waits for its end.
            drop(zygote);
            // It has reaped its workers, unless somebody has killed it unseen.
            pids.into_iter().for_each(process::reap_if_adopted);
        }
        if let Some(capture) = capture {
            capture.stop();
        }
        self.supervisor.stop();
        self.monitor.stop_callbacks();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.terminate();
    }
}
