//! Wake-ups that wait until the lock is released: all of them run foreign code, or code that takes
//! the lock.

use std::task::Waker;
use std::thread::Thread;

use crate::foreign;
use crate::progress::{CallbackThread, Completions, WhenDone};

/// What is to be woken and run once the lock is released.
#[derive(Default)]
pub(super) struct DeferredWakeups {
    threads: Vec<Thread>,
    wakers: Vec<Waker>,
    when_done: Vec<WhenDone>,
}

impl DeferredWakeups {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.threads.is_empty() && self.wakers.is_empty() && self.when_done.is_empty()
    }

    /// Returns `true` if wakers are to be called, whose foreign code may take its time.
    #[inline]
    pub(super) fn has_wakers(&self) -> bool {
        !self.wakers.is_empty()
    }

    /// Adds a thread, unless it was the last that was added.
    pub(super) fn add_thread(&mut self, thread: &Thread) {
        if self.threads.last().is_none_or(|last| last.id() != thread.id()) {
            self.threads.push(thread.clone());
        }
    }

    /// Adds what is to be woken and run because a job is done.
    #[inline]
    pub(super) fn add_completions(&mut self, completions: Completions) {
        self.wakers.extend(completions.wakers);
        self.when_done.extend(completions.when_done);
    }

    /// Wakes and runs everything. The lock is not held.
    pub(super) fn run(self, callbacks: &CallbackThread) {
        // The threads that lead or follow come first, while a waker takes its time.
        self.threads.into_iter().for_each(|thread| thread.unpark());
        self.wakers.into_iter().for_each(|waker| foreign::run_or_forget(|| waker.wake()));
        self.when_done.into_iter().for_each(|run| callbacks.run(run));
    }
}
