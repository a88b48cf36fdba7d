//! One wait: what is waited for, and how far it is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use crate::foreign;
use crate::shm::eventcount::{EventCount, SLICE};
use crate::sys::pid::Owner;

/// Something in shared memory that is waited for.
pub(crate) trait Watched: Send + Sync {
    /// Returns what is notified when it may have become ready.
    fn event_count(&self) -> &EventCount;

    /// Returns whether it is ready.
    fn is_ready(&self) -> bool;

    /// Wakes another waiter, here or in another process: this one has got a wake-up that it may not
    /// use.
    fn pass_on(&self) {}

    /// Returns whether readiness concerns one waiter, which will take what is there. Of several in
    /// one thread they are then woken one after the other, each when the one before it has
    /// [ended](Watch) its wait.
    fn is_exclusive(&self) -> bool {
        false
    }

    /// Returns whether the waiter wants to look around itself at the end of each [`SLICE`].
    fn looks_around(&self) -> bool {
        false
    }
}

/// One wait, shared by the waiter and the thread.
pub(super) struct Wait {
    pub(super) watched: Arc<dyn Watched>,
    began: Instant,
    state: Mutex<State>,
}

pub(super) enum State {
    Waiting(Waker),
    /// It is over since that moment, as it is ready or, with `false`, a slice is over; the waiter
    /// has not seen that yet.
    Over(bool, Instant),
    /// The waiter has gone.
    Ended,
}

impl Wait {
    /// Begins a wait whose end calls `waker`.
    pub(super) fn new(watched: Arc<dyn Watched>, waker: &Waker) -> Arc<Self> {
        Arc::new(Self { watched, began: Instant::now(), state: Mutex::new(State::Waiting(waker.clone())) })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(*self.lock(), State::Ended)
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(*self.lock(), State::Waiting(_))
    }

    /// Ends the wait, and wakes its waiter, on the watching thread. Returns `false` if it does not
    /// go on any more.
    pub(super) fn finish(&self, ready: bool, owner: Owner) -> bool {
        let mut state = self.lock();
        if !matches!(*state, State::Waiting(_)) {
            return false;
        }
        let before = std::mem::replace(&mut *state, State::Over(ready, Instant::now()));
        drop(state);
        if let State::Waiting(waker) = before {
            foreign::run_or_forget(|| waker.wake());
            // A waker that forks returns twice.
            owner.or_exit();
        }
        true
    }

    /// Returns whether the waiter should look around itself.
    pub(super) fn is_due(&self) -> bool {
        self.watched.looks_around() && self.began.elapsed() >= SLICE
    }

    /// Returns what the waits at the same eventcount have in common.
    pub(super) fn place(&self) -> usize {
        std::ptr::from_ref(self.watched.event_count()).addr()
    }
}
