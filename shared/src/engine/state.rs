//! The state of a pool, under its one lock: a struct for each part that has rules of its own, and
//! the steps that more than one part takes together.

use std::sync::Arc;
use std::task::Waker;

use crate::engine::backlog::Backlog;
use crate::engine::chunk::Chunk;
use crate::engine::config::Config;
use crate::engine::events::Event;
use crate::engine::job::Job;
use crate::engine::lifecycle::Lifecycle;
use crate::engine::pool_size::PoolSize;
use crate::engine::remote::{Order, Remote, STAYS};
use crate::engine::start_retry::StartRetry;
use crate::engine::waiters::{DeferredWakeups, Waiters};
use crate::engine::watchdog::Watchdog;
use crate::engine::worker_handle::KillReason;
use crate::engine::workers::Workers;
use crate::error::Error;
use crate::identity::unregister;
use crate::output::Capture;
use crate::progress::Completions;
use crate::sys::poll::Notifier;
use crate::trace::{self, TaskEvent};
use crate::zygote::ZygoteClient;

pub(super) struct State {
    pub(super) config: Arc<Config>,
    /// Wakes the leader, which sleeps on it; the workers have it, too.
    pub(super) notifier: Arc<Notifier>,
    pub(super) zygote: Option<Arc<ZygoteClient>>,
    /// Reads what the workers write, if that is captured.
    pub(super) capture: Option<Arc<Capture>>,
    pub(super) lifecycle: Lifecycle,
    pub(super) workers: Workers,
    pub(super) size: PoolSize,
    pub(super) starts: StartRetry,
    pub(super) backlog: Backlog,
    pub(super) waiters: Waiters,
    pub(super) watchdog: Watchdog,
    /// The client side, if the tasks run elsewhere.
    pub(super) remote: Option<Remote>,
    pub(super) deferred: DeferredWakeups,
    /// Wakers for the moment when a pool that takes no more tasks has done all, and no worker is
    /// left.
    end_wakers: Vec<Waker>,
    pub(super) events: Vec<TaskEvent>,
}

impl State {
    pub(super) fn new(config: Arc<Config>, notifier: Arc<Notifier>, zygote: Option<ZygoteClient>) -> Self {
        Self {
            workers: Workers::new(),
            size: PoolSize::new(&config),
            config,
            notifier,
            zygote: zygote.map(Arc::new),
            capture: None,
            lifecycle: Lifecycle::default(),
            starts: StartRetry::default(),
            backlog: Backlog::default(),
            waiters: Waiters::new(),
            watchdog: Watchdog::default(),
            remote: None,
            deferred: DeferredWakeups::default(),
            end_wakers: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Returns `true` if the pool is closing and has no tasks left.
    pub(super) fn is_finished(&self) -> bool {
        self.lifecycle.is_closing() && self.backlog.outstanding() == 0
    }

    /// Returns `true` if nothing is outstanding and no worker is left.
    pub(super) fn is_over(&self) -> bool {
        self.backlog.outstanding() == 0 && self.workers.is_empty()
    }

    /// Keeps `waker` until the pool [is over](State::is_over). Returns `false` if it is, or is open
    /// and so will not be.
    pub(super) fn wake_when_over(&mut self, waker: &Waker) -> bool {
        let pending = !self.lifecycle.is_open() && !self.is_over();
        if pending && !self.end_wakers.iter().any(|known| known.will_wake(waker)) {
            self.end_wakers.push(waker.clone());
        }
        pending
    }

    /// Returns `true` if the end is waited for without a thread.
    pub(super) fn is_end_awaited(&self) -> bool {
        !self.end_wakers.is_empty()
    }

    /// Has those woken that wait for the end, if it has come. Called after every change.
    #[inline]
    pub(super) fn wake_if_over(&mut self) {
        if self.is_end_awaited() && self.is_over() {
            let wakers = std::mem::take(&mut self.end_wakers);
            self.deferred.add_completions(Completions::of_wakers(wakers));
        }
    }

    /// Adds a chunk to the backlog, or fails it if none is taken.
    #[inline]
    pub(super) fn enqueue(&mut self, mut chunk: Chunk) {
        let full = self.backlog.outstanding().saturating_add(chunk.count()) > self.config.reject_at;
        let had_limits = self.has_limits();
        self.backlog.add(&chunk);
        if !had_limits && self.backlog.has_limited() {
            self.begin_limits();
        }
        let refusal = self.lifecycle.refusal().or(full.then_some(Error::Full));
        if let Some(error) = &refusal {
            self.report(|| Event::Refused { tasks: chunk.count(), error: error.clone() });
        }
        if let Some(error) = refusal.or_else(|| self.cannot_travel(&chunk)) {
            chunk.fail_rest(&error);
            return self.complete(chunk);
        }
        self.backlog.push_back(chunk);
    }

    /// Returns why a chunk cannot run elsewhere, if its tasks do.
    #[inline]
    fn cannot_travel(&self, chunk: &Chunk) -> Option<Error> {
        let stays = self.remote.is_some() && chunk.job().state().is_some_and(|state| !state.handles().is_empty());
        stays.then(|| Error::Encode(STAYS.into()))
    }

    /// Takes a chunk that is done, or must not run, out of the pool. One that is to go on comes
    /// first in the backlog.
    #[inline]
    pub(super) fn put_back(&mut self, mut chunk: Chunk) {
        if chunk.left() > 0 {
            let Some(error) = self.lifecycle.obstacle(&chunk) else { return self.backlog.push_front(chunk) };
            chunk.fail_rest(&error);
        }
        self.complete(chunk);
    }

    /// Takes chunks back in order; see [`put_back`](State::put_back).
    pub(super) fn put_all_back(&mut self, chunks: Vec<Chunk>) {
        chunks.into_iter().rev().for_each(|chunk| self.put_back(chunk));
    }

    /// Hands the outcome of a chunk to its job.
    #[inline]
    pub(super) fn complete(&mut self, chunk: Chunk) {
        self.backlog.complete(&chunk);
        let (job, number, outcome) = chunk.into_outcome();
        let completions = job.add_outcome(number, outcome);
        self.wake_for(&job, completions);
    }

    /// Has those woken that a job's progress concerns.
    #[inline]
    pub(super) fn wake_for(&mut self, job: &Job, completions: Completions) {
        self.deferred.add_completions(completions);
        self.waiters.wake_for(job.id, &mut self.deferred);
    }

    /// Records that all tasks of a job have been submitted.
    pub(super) fn seal(&mut self, job: &Job) {
        let completions = job.seal();
        self.wake_for(job, completions);
    }

    /// Fails all chunks that must not run, as all do once the pool is broken or has ended.
    #[inline]
    pub(super) fn fail_blocked(&mut self) {
        while let Some(error) = self.backlog.front().and_then(|chunk| self.lifecycle.obstacle(chunk)) {
            let Some(mut chunk) = self.backlog.pop_front() else { return };
            chunk.fail_rest(&error);
            self.complete(chunk);
        }
    }

    /// Lets no task run from now on: fails all that have not begun, and all to come.
    pub(super) fn break_down(&mut self, error: Error) {
        if self.lifecycle.broken().is_none() {
            self.report(|| Event::Broken(error.clone()));
        }
        self.lifecycle.break_down(error);
        self.take_all_back();
        self.fail_blocked();
    }

    /// Ends the pool now: all that is outstanding is cancelled. Returns the process ids of the
    /// workers there were.
    pub(super) fn terminate(&mut self) -> Vec<u32> {
        self.lifecycle.end();
        self.wake_io_thread();
        self.fail_blocked();
        let mut pids = Vec::new();
        for slot in self.workers.slots() {
            self.collect(slot);
            self.record_cut_short(slot);
            if let Some(worker) = self.workers.remove(slot) {
                unregister(worker.pid());
                pids.push(worker.pid());
                worker.into_chunks().0.into_iter().for_each(|chunk| self.put_back(chunk));
            }
        }
        pids.retain(|pid| *pid != 0);
        pids
    }

    /// Takes what a worker has not begun back into the backlog.
    pub(super) fn take_back(&mut self, slot: usize) {
        let chunks = self.workers.take_back(slot);
        self.backlog.push_all_front(chunks);
    }

    /// Takes what has not begun back into the backlog.
    pub(super) fn take_all_back(&mut self) {
        self.workers.slots().for_each(|slot| self.take_back(slot));
    }

    /// Writes what waits to be sent to a worker. Returns `true` if anything moved.
    #[inline]
    pub(super) fn flush(&mut self, slot: usize) -> bool {
        match self.workers.flush(slot, self.waiters.is_asleep()) {
            Ok(moved) => moved,
            Err(_) => {
                self.kill(slot, KillReason::Corrupt);
                true
            }
        }
    }

    /// Has a worker killed. Its end comes as a report.
    pub(super) fn kill(&mut self, slot: usize, reason: KillReason) {
        if let (Some(id), Some(zygote)) = (self.workers.mark_killed(slot, reason), &self.zygote) {
            // If the zygote cannot be reached it has ended, and the worker with it: the report of
            // that is on its way.
            let _ = zygote.kill(id);
        }
    }

    /// Has all workers exit once they have done what they were given.
    pub(super) fn retire_all(&mut self) {
        for slot in self.workers.slots() {
            self.workers.retire(slot);
            self.flush(slot);
        }
    }

    /// Has the workers exit if the pool is closing and has no tasks left.
    pub(super) fn retire_if_finished(&mut self) {
        if self.is_finished() {
            self.retire_all();
        }
    }

    /// Drops a job's state from the workers that hold it.
    pub(super) fn forget(&mut self, job: &Job) {
        self.order(Order::Forget(job.id));
        for slot in self.workers.slots() {
            if self.workers.forget(slot, job) {
                self.flush(slot);
            }
        }
    }

    /// Sends an order to where the tasks run, if that is elsewhere.
    pub(super) fn order(&mut self, order: Order) {
        if let Some(thread) = self.remote.as_mut().and_then(|remote| remote.order(order)) {
            self.deferred.add_thread(&thread);
        }
    }

    /// Wakes the I/O thread if it sleeps.
    pub(super) fn wake_io_thread(&mut self) {
        if let Some(thread) = self.remote.as_mut().and_then(Remote::wake) {
            self.deferred.add_thread(&thread);
        }
    }

    /// Adds tasks to the traces that record them.
    pub(super) fn record_events(&mut self, events: Vec<TaskEvent>) {
        trace::record(&events);
        self.events.extend(events);
    }

    /// Adds the task that a worker runs to the traces, if the worker is about to be removed.
    pub(super) fn record_cut_short(&mut self, slot: usize) {
        if self.config.trace
            && let Some(event) = self.workers.get(slot).and_then(|worker| worker.cut_short())
        {
            self.record_events(vec![event]);
        }
    }

    /// Closes the descriptors in a copy of the process that the pool belongs to. Nothing else is
    /// touched.
    pub(super) fn close_copies(&mut self) {
        self.zygote = None;
        self.workers.close_copies();
    }
}
