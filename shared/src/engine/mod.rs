//! The engine below every pool and process: moves tasks to workers and results back, and survives
//! what they do.
//!
//! There is no thread that everything passes through. State lives under one lock ([`core`]), and
//! whoever waits for a result drives it meanwhile ([`wait`]): the first waiter leads, looking at
//! the rings and sleeping on the notifier; the others are woken when their job is done, or to take the
//! lead. A [`supervisor`] thread leads only when there is work and nobody waits.
//!
//! - [`job`], [`chunk`], [`outcome`]: what was asked for, the pieces that travel, and what came of
//!   them;
//! - [`link`]: the pool's end of one worker;
//! - [`core`], [`dispatch`], [`settle`], [`lifecycle`], [`elastic`], [`limits`], [`pauses`],
//!   [`pulse`]: the state and its steps;
//! - [`control`]: what else one can ask of it;
//! - [`wait`], [`supervisor`], [`callbacks`]: the threads that drive it;
//! - [`outside`], [`relay`]: tasks that travel further than to a worker of this process, and those
//!   that came from there.
//!
//! An engine belongs to the process that started it. In a copy of that process its calls are
//! [`check`](Engine::check)ed, or do nothing, before any lock: another thread may have held it when
//! the copy was made.

mod callbacks;
mod chunk;
mod config;
mod control;
mod core;
mod dispatch;
mod elastic;
mod job;
mod lifecycle;
mod limits;
mod link;
mod outcome;
mod outside;
mod pauses;
mod pulse;
mod relay;
mod settle;
mod supervisor;
mod wait;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

pub(crate) use callbacks::Callbacks;
pub(crate) use chunk::Tasks;
pub(crate) use config::Config;
pub(crate) use job::{Job, WhenDone};
pub(crate) use outcome::Outcome;
#[cfg(feature = "mpi")]
pub(crate) use {
    chunk::Chunk,
    outside::{Offer, Order, Outlook},
    relay::{Relay, Relayed},
};

use crate::engine::core::{Core, Effects, Phase};
use crate::engine::outside::STAYS;
use crate::engine::supervisor::Supervisor;
use crate::error::{Error, Result};
use crate::fds::{self, Handles};
use crate::foreign;
use crate::sys::notifier::Notifier;
use crate::sys::own::Own;
use crate::sys::pid::Owner;
use crate::task::Prepared;
use crate::trace::is_recording;
use crate::zygote::ZygoteClient;

/// How long new workers may take to be forked.
const PATIENCE: Duration = Duration::from_secs(30);

/// A pool's machinery. Shared by the pool, its handles and its threads;
/// [`terminate`](Engine::terminate) ends it.
pub(crate) struct Engine {
    owner: Owner,
    core: Own<Mutex<Core>>,
    /// See [`Core::refuses`].
    refuses: Arc<AtomicBool>,
    notifier: Arc<Notifier>,
    pub(crate) config: Arc<Config>,
    next_job: AtomicU64,
    /// Tasks are run by others than workers of this engine; see [`outside`].
    is_outside: bool,
    supervisor: Own<Supervisor>,
    callbacks: Own<Callbacks>,
}

impl Engine {
    /// Starts the workers. Comes back when all of them have been forked.
    pub(crate) fn start(mut config: Config) -> Result<Arc<Self>> {
        config.trace |= is_recording();
        let config = Arc::new(config);
        let notifier = Arc::new(Notifier::new()?);
        let zygote = ZygoteClient::new(config.method, config.vouched)?;
        let mut core = Core::new(config.clone(), notifier.clone(), Some(zygote));
        for _ in 0..config.processes {
            match core.start_worker() {
                Ok(()) => {}
                Err(Error::Disconnected) => {
                    // The zygote has died just now. A new one starts those that are missing.
                    core.lose_zygote();
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let engine = Arc::new(Self::over(core, false));
        // The engine's drop ends what was started if this fails.
        let all = |core: &Core| core.failed_starts > 0 || core.counts.workers_started >= core.config.processes as u64;
        engine.wait(0, Some(Instant::now() + PATIENCE), all);
        let failure = engine.with(|core| match &core.broken {
            Some(error @ Error::Executable(_)) => Some(error.clone()),
            _ if core.failed_starts > 0 && core.start_again.is_some() => core.refused.take(),
            _ => None,
        });
        match failure {
            Some(error) => Err(error),
            None => {
                engine.keep_elastic();
                Ok(engine)
            }
        }
    }

    fn over(core: Core, is_outside: bool) -> Self {
        Self {
            owner: Owner::here(),
            notifier: core.notifier.clone(),
            config: core.config.clone(),
            refuses: core.refuses.clone(),
            core: Own::new(Mutex::new(core)),
            next_job: AtomicU64::new(1),
            is_outside,
            supervisor: Own::new(Supervisor::default()),
            callbacks: Own::new(Callbacks::default()),
        }
    }

    /// The process that it belongs to.
    pub(crate) fn owner(&self) -> Owner {
        self.owner
    }

    /// Fails in a process that it does not belong to.
    #[inline]
    pub(crate) fn check(&self) -> Result<()> {
        self.owner.check()
    }

    /// Looks at or changes the state under its lock; then does what concerns others, without it. In
    /// a process that the engine does not belong to, the lock is left alone, and the answer is
    /// that of nothing.
    #[inline]
    fn with<R: Default>(&self, act: impl FnOnce(&mut Core) -> R) -> R {
        if self.owner.is_here() { self.locked(act) } else { R::default() }
    }

    /// See [`with`](Engine::with); the caller has [`check`](Engine::check)ed whose the engine is.
    fn locked<R>(&self, act: impl FnOnce(&mut Core) -> R) -> R {
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = act(&mut core);
        if core.effects.is_empty() {
            return answer;
        }
        if !core.effects.wakers.is_empty() {
            core.lend_lead();
        }
        let Effects { wakers, when_done, unpark } = std::mem::take(&mut core.effects);
        drop(core);
        // Those first that lead, or follow, while a waker takes its time.
        unpark.into_iter().for_each(|thread| thread.unpark());
        wakers.into_iter().for_each(|waker| foreign::run_or_forget(|| waker.wake()));
        when_done.into_iter().for_each(|run| self.callbacks.run(run));
        answer
    }

    /// Why no further task is taken, if so.
    pub(crate) fn refusal(&self) -> Option<Error> {
        if self.refuses.load(Relaxed) { self.with(|core| core.refusal()) } else { None }
    }

    /// A new job. `ordered` keeps its outcomes in order of submission.
    pub(crate) fn job(&self, prepared: Prepared, ordered: bool) -> Arc<Job> {
        Arc::new(self.new_job(prepared, ordered))
    }

    fn new_job(&self, prepared: Prepared, ordered: bool) -> Job {
        Job::new(self.next_job.fetch_add(1, Relaxed), prepared, ordered, self.config.max_message)
    }

    /// Queues tasks of a job; `last` says that no more will come. Says whether some tasks wait for
    /// a worker now, which a [`nudge`](Engine::nudge) may find.
    pub(crate) fn submit(&self, job: &Arc<Job>, tasks: Tasks, last: bool) -> bool {
        self.with(|core| {
            core.submit(job, tasks);
            if last {
                let aftermath = job.seal();
                core.note(job, aftermath);
            }
            !core.backlog.is_empty()
        })
    }

    /// Whether tasks travel further than to a worker of this process.
    pub(crate) fn is_outside(&self) -> bool {
        self.is_outside
    }

    /// Runs `encode`, and adds to `handles` those that what it wrote needs.
    pub(crate) fn pack<R>(&self, handles: &mut Handles, encode: impl FnOnce() -> R) -> R {
        if self.is_outside { fds::forbid(STAYS, encode) } else { fds::pack(handles, encode) }
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

    /// Waits until `done`, which another thread makes true and then calls
    /// [`notify`](Engine::notify).
    pub(crate) fn wait_for(&self, deadline: Option<Instant>, done: impl Fn() -> bool) -> bool {
        self.wait(0, deadline, |_| done())
    }

    /// Has everybody who waits look again.
    pub(crate) fn notify(&self) {
        self.with(|core| {
            let all = core.followers.iter().map(|(_, thread)| thread.clone()).collect::<Vec<_>>();
            core.effects.unpark.extend(all);
        });
        self.notifier.notify();
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
        if job.has_state() {
            self.with(|core| core.forget(job));
        }
    }

    /// Lets go of what is left of a job: what has not begun will not; what runs goes on, unheard.
    pub(crate) fn abandon(&self, job: &Job) {
        if self.owner.is_here() && job.abandon() {
            self.with(|core| {
                core.order(outside::Order::Abandon(job.id));
                core.dispatch();
            });
        }
    }

    /// Takes no more tasks. What was taken is still done, even if nobody waits; then the workers
    /// end.
    pub(crate) fn close(self: &Arc<Self>) {
        let busy = self.with(|core| {
            core.enter(Phase::Closing);
            core.retire_if_closing();
            core.wake_carrier();
            core.outstanding > 0
        });
        if busy {
            self.supervise(false);
        }
    }

    /// Waits until all tasks are done and all workers have ended; the engine must be closed.
    /// `false` if it is not.
    pub(crate) fn join(&self) -> bool {
        if !self.owner.is_here() || self.with(|core| core.phase == Phase::Open) {
            return false;
        }
        self.wait(0, None, |core| core.outstanding == 0 && core.living().next().is_none());
        self.terminate();
        true
    }

    /// Ends everything now. Tasks that are not done are cancelled; when this returns, no process of
    /// the pool is left.
    ///
    /// In a copy of the process that the engine belongs to, it closes the copy's descriptors, and
    /// that is all.
    pub(crate) fn terminate(&self) {
        if !self.owner.is_here() {
            // A thread that is not here may have held the lock, in the middle of a change; then they stay open.
            if let Ok(mut core) = self.core.try_lock() {
                core.let_go();
            }
            return;
        }
        let zygote = self.with(|core| {
            core.end();
            core.zygote.take()
        });
        self.notify();
        if let Some(zygote) = zygote {
            zygote.end();
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
