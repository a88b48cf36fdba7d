//! Waits at eventcounts without a thread for each waiter: for async functions, and for waits over
//! several objects.
//!
//! One thread of the process sleeps at up to [`MAX`](thread::MAX) eventcounts at a time
//! (`futex_waitv(2)`), and calls a waker for each at which there is something to see. It only
//! looks: a value is taken, if at all, by the waiter itself, so that none is lost with a waiter
//! that gives up. Where the kernel has no such call (before Linux 5.16, or behind a filter), there
//! is a thread for each wait, whose sleeps are slices as everywhere.
//!
//! A wake-up for one waiter ([`EventCount::notify_one`](crate::shm::EventCount::notify_one)) that
//! the thread gets, and that turns out to be of no use to its waiter, is
//! [passed on](Watched::pass_on).

#[cfg(all(test, not(multiproc_loom)))]
mod tests;
mod thread;
mod wait;

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::error::Result;
use crate::shm::watcher::thread::{Watcher, Watchers};
use crate::shm::watcher::wait::{State, Wait};
use crate::sys::pid::Owner;

pub(crate) use crate::shm::watcher::wait::Watched;

/// A wait that is under way. Dropping it ends it.
pub(crate) struct Watch {
    owner: Owner,
    wait: Arc<Wait>,
    watcher: Arc<Watcher>,
}

impl Watch {
    /// Begins to wait until `watched` is ready, which calls `waker`.
    ///
    /// # Errors
    /// [`Error::Io`](crate::error::Error::Io) if the thread that it needs cannot be started.
    pub(crate) fn new(watched: Arc<dyn Watched>, waker: &Waker) -> Result<Self> {
        let wait = Wait::new(watched, waker);
        let watcher = Watchers::get().add(&wait)?;
        Ok(Self { owner: Owner::here(), wait, watcher })
    }

    /// Returns whether the wait goes on, so that its waker will be called.
    pub(crate) fn is_waiting(&self) -> bool {
        self.owner.is_here() && self.wait.is_waiting()
    }

    /// Returns whether it is ready, or with `false`, whether the waiter should look around; in any
    /// case the wait is over then. In a copy of the process that has begun the wait, it is.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<bool> {
        if !self.owner.is_here() {
            return Poll::Ready(false);
        }
        let mut state = self.wait.lock();
        match &mut *state {
            State::Waiting(waker) => {
                waker.clone_from(context.waker());
                Poll::Pending
            }
            State::Over(ready, _) => {
                let ready = *ready;
                // Whoever has seen this tries, so that nothing need be passed on.
                *state = State::Ended;
                Poll::Ready(ready)
            }
            State::Ended => Poll::Ready(false),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.owner.is_here() {
            return;
        }
        let before = std::mem::replace(&mut *self.wait.lock(), State::Ended);
        if matches!(before, State::Over(true, _)) && self.wait.watched.is_exclusive() {
            self.wait.watched.pass_on();
        }
        self.watcher.look_again();
        if self.watcher.has_one_wait() && matches!(before, State::Waiting(_)) {
            // The thread sleeps at this word alone.
            self.wait.watched.event_count().notify_all();
        }
    }
}
