//! The threads of a pool: how tasks come to them, and how they start and end.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Context, Error, Result};
use crate::executor::Statistics;
use crate::foreign::{guard, run_or_forget};
use crate::identity;
use crate::progress::{CallbackThread, FailureKinds};
use crate::sys::pid::Owner;
use crate::threads::once::OnceInEach;
use crate::threads::state::{State, ThreadNumbers};
use crate::threads::work_queue::{Message, Work, WorkQueue};

/// Calls wakers, which are foreign code.
pub(super) fn wake_all(wakers: Vec<Waker>) {
    wakers.into_iter().for_each(|waker| run_or_forget(|| waker.wake()));
}

/// The threads of a pool. Each holds it; [`terminate`](Inner::terminate) ends them.
pub(crate) struct Inner {
    owner: Owner,
    name: String,
    /// Tasks that may be outstanding.
    reject_at: u64,
    queue: WorkQueue,
    state: Mutex<State>,
    /// Notified when a thread has ended, or nothing is outstanding any more.
    changed: Condvar,
    ended: AtomicBool,
    once: OnceInEach,
    /// Threads that run a task.
    running: AtomicU64,
    /// Nanoseconds that tasks have run.
    run_time: AtomicU64,
    callbacks: CallbackThread,
}

impl Inner {
    /// Returns a pool without threads, which [`resize`](Inner::resize) starts.
    pub(super) fn new(name: String, reject_at: u64, once: OnceInEach) -> Arc<Self> {
        Arc::new(Self {
            owner: Owner::here(),
            name,
            reject_at,
            queue: WorkQueue::new(),
            state: Mutex::new(State::new()),
            changed: Condvar::new(),
            ended: AtomicBool::new(false),
            once,
            running: AtomicU64::new(0),
            run_time: AtomicU64::new(0),
            callbacks: CallbackThread::default(),
        })
    }

    /// Returns the process that it belongs to.
    pub(super) fn owner(&self) -> Owner {
        self.owner
    }

    /// Fails in a process that it does not belong to: there are no threads, and one that is not
    /// there may hold a lock.
    pub(super) fn check(&self) -> Result<()> {
        self.owner.check()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn thread_name(&self, thread: u64) -> String {
        format!("{}-{thread}", self.name)
    }

    pub(super) fn wanted(&self) -> usize {
        if self.owner.is_here() { self.lock().wanted() } else { 0 }
    }

    pub(super) fn is_open(&self) -> bool {
        self.owner.is_here() && self.lock().is_open()
    }

    /// Returns why no further task is taken, if so.
    pub(super) fn refusal(&self) -> Option<Error> {
        self.once.error().cloned().or_else(|| (!self.is_open()).then_some(Error::Closed))
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Relaxed)
    }

    /// Returns what has become of the tasks so far; nothing in a process that the pool does not
    /// belong to.
    pub(super) fn statistics(&self) -> Statistics {
        if !self.owner.is_here() {
            return Statistics::default();
        }
        // Locked before the others are read: a task that is counted as ended does not run.
        let state = self.lock();
        state.statistics(self.running.load(Relaxed), Duration::from_nanos(self.run_time.load(Relaxed)))
    }

    /// Queues work, or fails it at once if none is taken.
    pub(super) fn submit(&self, work: Box<dyn Work>) {
        let count = work.count();
        let mut state = self.lock();
        let full = state.is_full(count, self.reject_at);
        let first = state.number_tasks(count);
        let error = match self.once.error() {
            Some(error) => error.clone(),
            None if !state.is_open() => Error::Closed,
            None if full => Error::Full,
            None => {
                // Under the lock, so that nothing comes into the queue after it was emptied for
                // good.
                return self.queue.add(work, first);
            }
        };
        drop(state);
        work.fail(&error);
    }

    /// Counts tasks that are not to be queued.
    pub(super) fn count_submitted(&self, tasks: u64) {
        self.lock().count_submitted(tasks);
    }

    /// Counts a thread that runs tasks.
    pub(super) fn begin(&self) {
        self.running.fetch_add(1, Relaxed);
    }

    /// Counts a thread that has run tasks for `nanoseconds`.
    pub(super) fn add_run_time(&self, nanoseconds: u64) {
        self.running.fetch_sub(1, Relaxed);
        self.run_time.fetch_add(nanoseconds, Relaxed);
    }

    /// Counts tasks that have ended. `failed` are those that were not cancelled, which `kinds`
    /// counts. Returns what [is to be woken](wake_all) by it once the caller holds no lock.
    pub(super) fn count_ended(&self, completed: u64, failed: u64, kinds: FailureKinds) -> Vec<Waker> {
        let mut state = self.lock();
        state.count_ended(completed, failed, kinds);
        self.end_threads_if_done(&mut state);
        state.take_end_wakers()
    }

    pub(super) fn callbacks(&self) -> &CallbackThread {
        &self.callbacks
    }

    pub(super) fn resize(self: &Arc<Self>, wanted: usize) -> Result<()> {
        self.check()?;
        let mut state = self.lock();
        if !state.is_open() {
            return Err(Error::Closed);
        }
        state.want(wanted);
        while let Some(numbers) = state.next_wanted() {
            let pool = self.clone();
            let ThreadNumbers { number, index } = numbers;
            let run = move || {
                identity::become_thread(index);
                pool.serve(number, index);
            };
            let builder = thread::Builder::new().name(self.thread_name(number));
            state.add_thread(numbers, builder.spawn(run).context("cannot start a thread")?);
        }
        self.queue.add_checks(state.surplus());
        Ok(())
    }

    /// Runs the initializer, what comes in the queue until the thread is not wanted, and the
    /// finalizer, on thread number `thread`. Others may have its `index` afterwards.
    fn serve(&self, thread: u64, index: usize) {
        let is_set_up = self.once.set_up(self.owner);
        self.run_queued(thread);
        if is_set_up {
            self.once.take_down(self.owner);
        }
        self.lock().free_index(index);
    }

    /// Runs what comes in the queue, until the thread is not wanted.
    fn run_queued(&self, thread: u64) {
        for message in self.queue.take() {
            if let Message::Run(work, first) = message {
                // Tasks' panics are caught where they run; this is for values that panic when they
                // are dropped.
                let _ = guard(|| self.run(work, first, thread));
                // A task that forks returns twice. The copy has this thread only, and nothing to
                // do.
                self.owner.or_exit();
            }
            let mut state = self.lock();
            if state.dismiss_surplus() {
                self.changed.notify_all();
                let wakers = state.take_end_wakers();
                drop(state);
                wake_all(wakers);
                return;
            }
        }
    }

    /// Runs work, on a thread of the pool.
    fn run(&self, work: Box<dyn Work>, first: u64, thread: u64) {
        if self.has_ended() {
            return work.fail(&Error::Cancelled);
        }
        if let Some(error) = self.once.error() {
            return work.fail(error);
        }
        work.run(first, thread);
    }

    pub(crate) fn close(&self) {
        if !self.owner.is_here() {
            return;
        }
        let mut state = self.lock();
        state.close();
        self.end_threads_if_done(&mut state);
    }

    /// Ends the threads of a closing pool that has nothing left to do.
    fn end_threads_if_done(&self, state: &mut State) {
        if let Some(living) = state.dismiss_if_done() {
            self.queue.add_checks(living);
            self.changed.notify_all();
        }
    }

    /// Waits until all tasks are done, their callbacks have run and all threads have ended. Returns
    /// whether that was before the deadline; `None` if the pool is open.
    pub(crate) fn join(&self, deadline: Option<Instant>) -> Option<bool> {
        if !self.owner.is_here() {
            return None;
        }
        let mut state = self.lock();
        if state.is_open() {
            return None;
        }
        while !state.is_over() {
            state = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return Some(false),
                Some(left) => self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        drop(state);
        if !self.callbacks.wait_idle(deadline) {
            return Some(false);
        }
        self.terminate();
        Some(true)
    }

    /// Keeps `waker` until all tasks are done and all threads have ended. Returns `false` if they
    /// have, or the pool is open.
    pub(super) fn wake_when_over(&self, waker: &Waker) -> bool {
        if !self.owner.is_here() {
            return false;
        }
        self.lock().wake_when_over(waker)
    }

    /// Fails everything that has not begun with [`Error::Cancelled`].
    pub(crate) fn cancel_pending(&self) {
        if !self.owner.is_here() {
            return;
        }
        self.queue.fail_work(&Error::Cancelled);
    }

    /// Cancels what has not begun, and waits for what has. In a process that it does not belong to,
    /// it does nothing.
    pub(crate) fn terminate(&self) {
        if !self.owner.is_here() {
            return;
        }
        let mut state = self.lock();
        let (threads, living) = state.end();
        drop(state);
        self.ended.store(true, Relaxed);
        self.cancel_pending();
        self.queue.add_checks(living);
        for thread in threads {
            // A task or a callback may have held the last handle of the pool.
            if thread.thread().id() != thread::current().id() {
                // What the thread runs catches its panics.
                let _ = thread.join();
            }
        }
        self.callbacks.stop();
    }
}
