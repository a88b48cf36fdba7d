//! What has become of a call so far: a part of every backend, below all of them.
//!
//! [`CallProgress`] counts the chunks of a call, keeps their results in [order](result_order), and
//! what its end wakes and runs; a [`CallbackThread`] runs callbacks.

mod failure_kinds;
mod result_order;

use std::sync::{Mutex, PoisonError};
use std::task::Waker;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crossbeam::channel::{RecvTimeoutError, Sender, bounded, unbounded};

pub(crate) use failure_kinds::FailureKinds;

use crate::foreign;
use crate::progress::result_order::ResultOrder;
use crate::sys::pid::Owner;

/// Runs when a call is done, on its pool's callback thread.
pub(crate) type WhenDone = Box<dyn FnOnce() + Send>;

/// The state of one call, whose chunks have results of type `T`: how many have come, in which order
/// they are taken, and what waits for the end. Its owner keeps it under a lock.
pub(crate) struct CallProgress<T> {
    submitted: u64,
    finished: u64,
    /// Tasks of the chunks so far.
    tasks: u64,
    /// No more chunks will be submitted.
    sealed: bool,
    results: ResultOrder<T>,
    completions: Completions,
    /// Woken when the next result is there, or the call is done.
    next_waker: Option<Waker>,
}

/// What the ends of calls wake and run, once no lock is held.
#[derive(Default)]
pub(crate) struct Completions {
    wakers: Vec<Waker>,
    when_done: Vec<WhenDone>,
}

impl Completions {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.wakers.is_empty() && self.when_done.is_empty()
    }

    /// Returns `true` if wakers are to be called, whose foreign code may take its time.
    #[inline]
    pub(crate) fn has_wakers(&self) -> bool {
        !self.wakers.is_empty()
    }

    /// Returns those that only wake.
    pub(crate) fn of_wakers(wakers: Vec<Waker>) -> Self {
        Self { wakers, when_done: Vec::new() }
    }

    /// Adds those of another call.
    #[inline]
    pub(crate) fn extend(&mut self, other: Self) {
        self.wakers.extend(other.wakers);
        self.when_done.extend(other.when_done);
    }

    /// Queues the callbacks, as far as that is possible. Runs no foreign code.
    pub(crate) fn queue_callbacks(&mut self, callbacks: &CallbackThread) {
        self.when_done =
            std::mem::take(&mut self.when_done).into_iter().filter_map(|run| callbacks.queue(run)).collect();
    }

    /// Wakes and runs everything. The callbacks are queued first: a waker may take its time, and
    /// who waits for the end of the pool waits for what is queued.
    pub(crate) fn run(mut self, callbacks: &CallbackThread) {
        self.queue_callbacks(callbacks);
        self.wakers.into_iter().for_each(|waker| foreign::run_or_forget(|| waker.wake()));
        self.when_done.into_iter().for_each(foreign::run_or_forget);
    }
}

impl<T> CallProgress<T> {
    /// Returns that of a call without chunks. `ordered` keeps results in order of submission, else
    /// they are taken in order of arrival.
    pub(crate) fn new(ordered: bool) -> Self {
        let (results, completions) = (ResultOrder::new(ordered), Completions::default());
        Self { submitted: 0, finished: 0, tasks: 0, sealed: false, results, completions, next_waker: None }
    }

    /// Counts one more chunk, of `tasks` tasks. Returns its number in the call: its position among
    /// the chunks if results are ordered, else the index of its first task, by which a result is
    /// known for what it is of.
    #[inline]
    pub(crate) fn add_chunk(&mut self, tasks: u64) -> u64 {
        let number = if self.results.is_ordered() { self.submitted } else { self.tasks };
        self.submitted += 1;
        self.tasks += tasks;
        number
    }

    /// Counts a chunk whose result is kept elsewhere as finished.
    #[inline]
    pub(crate) fn finish_elsewhere(&mut self) {
        self.finished += 1;
        debug_assert!(self.finished <= self.submitted, "a chunk ends once");
    }

    /// Keeps the result of chunk `number`.
    #[inline]
    pub(crate) fn finish(&mut self, number: u64, result: T) {
        self.finish_elsewhere();
        let only = self.sealed && self.submitted == 1;
        self.results.add(number, result, only);
    }

    /// Declares that all chunks have been submitted.
    pub(crate) fn seal(&mut self) {
        self.sealed = true;
    }

    /// Returns whether all results have come, and no more chunks will.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.sealed && !self.is_behind()
    }

    /// Returns whether results of chunks so far are still to come.
    #[inline]
    pub(crate) fn is_behind(&self) -> bool {
        self.finished < self.submitted
    }

    /// Returns whether any result has come.
    pub(crate) fn has_progressed(&self) -> bool {
        self.finished > 0
    }

    /// Returns the number of chunks so far.
    pub(crate) fn submitted(&self) -> u64 {
        self.submitted
    }

    /// Returns whether the next result is there.
    #[inline]
    pub(crate) fn has_next(&self) -> bool {
        self.results.has_next()
    }

    /// Takes the next result, if it is there, with its chunk's number.
    #[inline]
    pub(crate) fn take_next(&mut self) -> Option<(u64, T)> {
        self.results.take_next()
    }

    /// Iterates over the results that have come and were not taken.
    pub(crate) fn results(&self) -> impl Iterator<Item = &T> {
        self.results.iter()
    }

    /// Keeps `waker` until the call is done. Returns `false` if it is.
    pub(crate) fn wake_when_done(&mut self, waker: &Waker) -> bool {
        if self.is_done() {
            return false;
        }
        let wakers = &mut self.completions.wakers;
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
        true
    }

    /// Keeps `waker`, and none from before, until the next result is there or the call is done.
    /// Returns `false` if that is so.
    #[cfg(feature = "stream")]
    pub(crate) fn wake_at_next(&mut self, waker: &Waker) -> bool {
        let pending = !self.has_next() && !self.is_done();
        if pending {
            self.next_waker = Some(waker.clone());
        }
        pending
    }

    /// Drops `waker`.
    pub(crate) fn forget_waker(&mut self, waker: &Waker) {
        self.completions.wakers.retain(|known| !known.will_wake(waker));
    }

    /// Keeps `run` until the call is done. Returns it if the call is done already.
    pub(crate) fn run_when_done(&mut self, run: WhenDone) -> Option<WhenDone> {
        if self.is_done() {
            return Some(run);
        }
        self.completions.when_done.push(run);
        None
    }

    /// Takes what the progress of the call wakes, and what its end wakes and runs if it is done.
    #[inline]
    pub(crate) fn take_completions(&mut self) -> Completions {
        let is_done = self.is_done();
        let mut completions = if is_done { std::mem::take(&mut self.completions) } else { Completions::default() };
        if self.next_waker.is_some() && (is_done || self.has_next()) {
            completions.wakers.extend(self.next_waker.take());
        }
        completions
    }
}

/// Runs callbacks one after the other, in a thread that is started for the first of them.
#[derive(Default)]
pub(crate) struct CallbackThread(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Idle,
    Running(Sender<WhenDone>, JoinHandle<()>),
    Stopped,
}

impl CallbackThread {
    /// Queues `run`. If the pool has ended, or no thread can be started, runs it at once on the
    /// caller's thread.
    pub(crate) fn run(&self, run: WhenDone) {
        if let Some(run) = self.queue(run) {
            foreign::run_or_forget(run);
        }
    }

    /// Queues `run`. Returns it if the pool has ended, or no thread can be started.
    fn queue(&self, run: WhenDone) -> Option<WhenDone> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Idle = *state {
            let (sender, jobs) = unbounded::<WhenDone>();
            let builder = thread::Builder::new().name("multiproc-callbacks".into());
            let owner = Owner::here();
            let serve = move || {
                jobs.iter().for_each(|run| {
                    foreign::run_or_forget(run);
                    owner.or_exit();
                });
            };
            if let Ok(thread) = builder.spawn(serve) {
                *state = State::Running(sender, thread);
            }
        }
        match &*state {
            State::Running(sender, _) => sender.send(run).err().map(|refused| refused.0),
            _ => Some(run),
        }
    }

    /// Waits until the callbacks that were queued have run, unless this is one of them. Returns
    /// `false` if the deadline came first.
    pub(crate) fn wait_idle(&self, deadline: Option<Instant>) -> bool {
        let (reached, end) = bounded::<()>(1);
        {
            let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let State::Running(sender, thread) = &*state else { return true };
            if thread.thread().id() == thread::current().id() {
                return true;
            }
            // They run in order. Without a receiver the thread has ended.
            let _ = sender.send(Box::new(move || drop(reached)));
        }
        let outcome = match deadline {
            Some(deadline) => end.recv_deadline(deadline),
            None => end.recv().map_err(Into::into),
        };
        outcome != Err(RecvTimeoutError::Timeout)
    }

    /// Waits until all callbacks have run (unless this is one of them), and ends the thread.
    pub(crate) fn stop(&self) {
        let state = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), State::Stopped);
        if let State::Running(sender, thread) = state {
            drop(sender);
            if thread.thread().id() != thread::current().id() {
                // A callback's panic is caught there, so the thread does not panic.
                let _ = thread.join();
            }
        }
    }
}
