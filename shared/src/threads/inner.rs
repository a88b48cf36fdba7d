//! The threads of a pool, their queue, and its counters.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, unbounded};

use crate::error::{Context, Error, Result};
use crate::executor::Statistics;
use crate::foreign::{guard, run_or_forget};
use crate::identity;
use crate::progress::{CallbackThread, FailureKinds};
use crate::sys::pid::Owner;
use crate::threads::once::Once;

/// Tasks for a thread to run.
pub(super) trait Work: Send {
    /// Returns the number of tasks.
    fn count(&self) -> u64;

    /// Runs the tasks, unless they were cancelled. `first` is the first one's number in the pool,
    /// `thread` that of this thread.
    fn run(self: Box<Self>, first: u64, thread: u64);

    /// Fails all tasks.
    fn fail(self: Box<Self>, error: &Error);
}

enum Message {
    /// Run this, whose first task has this number in the pool.
    Run(Box<dyn Work>, u64),
    /// End, if there are more threads than wanted.
    CheckWanted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Open,
    Closing,
    Ended,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    submitted: u64,
    completed: u64,
    /// Without those that were cancelled.
    failed: u64,
    kinds: FailureKinds,
}

impl Counts {
    /// Returns the number of tasks whose outcome is still to come.
    fn outstanding(&self) -> u64 {
        self.submitted - self.completed - self.failed - self.kinds.cancelled
    }
}

struct State {
    phase: Phase,
    wanted: usize,
    living: usize,
    next_thread: u64,
    /// The numbers of the threads that live; see [`worker_index`](crate::worker_index).
    indices: BTreeSet<usize>,
    next_task: u64,
    counts: Counts,
    threads: Vec<JoinHandle<()>>,
    /// Wakers for the moment when a pool that takes no more tasks has done all, and no thread is
    /// left.
    end_wakers: Vec<Waker>,
}

impl State {
    fn is_over(&self) -> bool {
        self.phase != Phase::Open && self.counts.outstanding() == 0 && self.living == 0
    }

    /// Returns the wakers to call now. The lock is to be released before.
    fn take_end_wakers(&mut self) -> Vec<Waker> {
        if self.is_over() { std::mem::take(&mut self.end_wakers) } else { Vec::new() }
    }
}

/// Calls wakers, which are foreign code.
fn wake_all(wakers: Vec<Waker>) {
    wakers.into_iter().for_each(|waker| run_or_forget(|| waker.wake()));
}

/// The threads of a pool. Each holds it; [`terminate`](Inner::terminate) ends them.
pub(crate) struct Inner {
    owner: Owner,
    name: String,
    /// Tasks that may be outstanding.
    reject_at: u64,
    sender: Sender<Message>,
    queue: Receiver<Message>,
    state: Mutex<State>,
    /// Notified when a thread has ended, or nothing is outstanding any more.
    changed: Condvar,
    ended: AtomicBool,
    /// Runs in each thread before its first task.
    initializer: Option<Once>,
    /// Runs in each thread at its end, unless the initializer failed there.
    finalizer: Option<Once>,
    /// Set once the initializer has failed: no task can run.
    broken: OnceLock<Error>,
    /// Threads that run a task.
    running: AtomicU64,
    /// Nanoseconds that tasks have run.
    run_time: AtomicU64,
    callbacks: CallbackThread,
}

impl Inner {
    /// Returns a pool without threads, which [`resize`](Inner::resize) starts. `once` are its
    /// initializer and finalizer.
    pub(super) fn new(name: String, reject_at: u64, once: [Option<Once>; 2]) -> Arc<Self> {
        let [initializer, finalizer] = once;
        let (sender, queue) = unbounded();
        let state = State {
            phase: Phase::Open,
            wanted: 0,
            living: 0,
            next_thread: 1,
            indices: BTreeSet::new(),
            next_task: 0,
            counts: Counts::default(),
            threads: Vec::new(),
            end_wakers: Vec::new(),
        };
        Arc::new(Self {
            owner: Owner::here(),
            name,
            reject_at,
            sender,
            queue,
            state: Mutex::new(state),
            changed: Condvar::new(),
            ended: AtomicBool::new(false),
            initializer,
            finalizer,
            broken: OnceLock::new(),
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
        if self.owner.is_here() { self.lock().wanted } else { 0 }
    }

    pub(super) fn is_open(&self) -> bool {
        self.owner.is_here() && self.lock().phase == Phase::Open
    }

    /// Returns why no further task is taken, if so.
    pub(super) fn refusal(&self) -> Option<Error> {
        self.broken.get().cloned().or_else(|| (!self.is_open()).then_some(Error::Closed))
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
        let state = self.lock();
        let Counts { submitted, completed, failed, kinds } = state.counts;
        let running = self.running.load(Relaxed);
        Statistics {
            submitted,
            completed,
            failed,
            refused: kinds.refused,
            timed_out: kinds.timed_out,
            lost: kinds.lost,
            cancelled: kinds.cancelled,
            queued: state.counts.outstanding().saturating_sub(running),
            running,
            run_time: Duration::from_nanos(self.run_time.load(Relaxed)),
            workers_started: state.next_thread - 1,
            workers_lost: 0,
        }
    }

    /// Queues work, or fails it at once if none is taken.
    pub(super) fn submit(&self, work: Box<dyn Work>) {
        let count = work.count();
        let mut state = self.lock();
        let full = state.counts.outstanding().saturating_add(count) > self.reject_at;
        state.counts.submitted += count;
        let first = state.next_task;
        state.next_task += count;
        let error = match (self.broken.get(), state.phase) {
            (Some(error), _) => error.clone(),
            (None, Phase::Open) if full => Error::Full,
            // Under the lock, so that nothing comes into the queue after it was emptied for good.
            (None, Phase::Open) => match self.sender.send(Message::Run(work, first)) {
                Ok(()) => return,
                // Never: this very struct holds the other end.
                Err(_) => return,
            },
            _ => Error::Closed,
        };
        drop(state);
        work.fail(&error);
    }

    /// Counts tasks that are not to be queued.
    pub(super) fn count_submitted(&self, tasks: u64) {
        self.lock().counts.submitted += tasks;
    }

    /// Runs work, on a thread of the pool.
    fn run(&self, work: Box<dyn Work>, first: u64, thread: u64) {
        if self.has_ended() {
            return work.fail(&Error::Cancelled);
        }
        if let Some(error) = self.broken.get() {
            return work.fail(error);
        }
        work.run(first, thread);
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
    /// counts.
    pub(super) fn count_ended(&self, completed: u64, failed: u64, kinds: FailureKinds) {
        let mut state = self.lock();
        let counts = &mut state.counts;
        counts.completed += completed;
        counts.failed += failed;
        counts.kinds.add(kinds);
        self.end_threads_if_done(&mut state);
        let wakers = state.take_end_wakers();
        drop(state);
        wake_all(wakers);
    }

    pub(super) fn callbacks(&self) -> &CallbackThread {
        &self.callbacks
    }

    pub(super) fn resize(self: &Arc<Self>, wanted: usize) -> Result<()> {
        self.check()?;
        let mut state = self.lock();
        if state.phase != Phase::Open {
            return Err(Error::Closed);
        }
        state.wanted = wanted;
        state.threads.retain(|thread| !thread.is_finished());
        while state.living < wanted {
            let pool = self.clone();
            let number = state.next_thread;
            let index = (0..).find(|index| !state.indices.contains(index)).unwrap_or_default();
            let builder = thread::Builder::new().name(self.thread_name(number));
            let run = move || {
                identity::become_thread(index);
                pool.serve(number, index);
            };
            let thread = builder.spawn(run).context("cannot start a thread")?;
            state.next_thread += 1;
            state.living += 1;
            state.indices.insert(index);
            state.threads.push(thread);
        }
        self.send_checks(state.living - wanted);
        Ok(())
    }

    /// Has `threads` threads check whether they are wanted, once they have nothing else to do.
    fn send_checks(&self, threads: usize) {
        for _ in 0..threads {
            // There is a receiver: this very struct.
            let _ = self.sender.send(Message::CheckWanted);
        }
    }

    /// Runs the initializer, what comes in the queue until the thread is not wanted, and the
    /// finalizer, on thread number `thread`. Others may have its `index` afterwards.
    fn serve(&self, thread: u64, index: usize) {
        let is_set_up = self.set_up();
        self.run_queued(thread);
        if is_set_up && let Some(finalizer) = &self.finalizer {
            // There is no one to tell.
            let _ = finalizer.run();
            self.owner.or_exit();
        }
        self.lock().indices.remove(&index);
    }

    /// Runs the initializer. If it fails, the pool can run nothing. Returns whether it was well.
    fn set_up(&self) -> bool {
        let Some(initializer) = &self.initializer else { return true };
        let outcome = initializer.run();
        self.owner.or_exit();
        if let Err(error) = outcome {
            // The first error stays.
            let _ = self.broken.set(Error::Initializer(Box::new(error)));
            return false;
        }
        true
    }

    /// Runs what comes in the queue, until the thread is not wanted.
    fn run_queued(&self, thread: u64) {
        for message in &self.queue {
            if let Message::Run(work, first) = message {
                // Tasks' panics are caught where they run; this is for values that panic when they
                // are dropped.
                let _ = guard(|| self.run(work, first, thread));
                // A task that forks returns twice. The copy has this thread only, and nothing to
                // do.
                self.owner.or_exit();
            }
            let mut state = self.lock();
            if state.living > state.wanted {
                state.living -= 1;
                self.changed.notify_all();
                let wakers = state.take_end_wakers();
                drop(state);
                wake_all(wakers);
                return;
            }
        }
    }

    pub(crate) fn close(&self) {
        if !self.owner.is_here() {
            return;
        }
        let mut state = self.lock();
        state.phase = state.phase.max(Phase::Closing);
        self.end_threads_if_done(&mut state);
    }

    /// Ends the threads of a closing pool that has nothing left to do.
    fn end_threads_if_done(&self, state: &mut State) {
        if state.phase != Phase::Open && state.counts.outstanding() == 0 {
            state.wanted = 0;
            self.send_checks(state.living);
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
        if state.phase == Phase::Open {
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
        let mut state = self.lock();
        let pending = state.phase != Phase::Open && !state.is_over();
        if pending && !state.end_wakers.iter().any(|known| known.will_wake(waker)) {
            state.end_wakers.push(waker.clone());
        }
        pending
    }

    /// Fails everything that has not begun with [`Error::Cancelled`].
    pub(crate) fn cancel_pending(&self) {
        if !self.owner.is_here() {
            return;
        }
        let mut checks = 0;
        // Not for longer than there were messages at the start: other threads may go on submitting.
        for message in self.queue.try_iter().take(self.queue.len()) {
            match message {
                Message::Run(work, _) => work.fail(&Error::Cancelled),
                Message::CheckWanted => checks += 1,
            }
        }
        self.send_checks(checks);
    }

    /// Cancels what has not begun, and waits for what has. In a process that it does not belong to,
    /// it does nothing.
    pub(crate) fn terminate(&self) {
        if !self.owner.is_here() {
            return;
        }
        let mut state = self.lock();
        state.phase = Phase::Ended;
        state.wanted = 0;
        let (threads, living) = (std::mem::take(&mut state.threads), state.living);
        drop(state);
        self.ended.store(true, Relaxed);
        self.cancel_pending();
        self.send_checks(living);
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
