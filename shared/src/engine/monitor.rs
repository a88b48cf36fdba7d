//! The lock around a pool's state, and what happens once it is released.

use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::state::State;
use crate::progress::{CallbackThread, WhenDone};
use crate::sys::pid::{Own, Owner};
use crate::sys::poll::Notifier;

/// A pool's state with its lock. Foreign code (wakers, callbacks) runs only once the lock is
/// released.
pub(super) struct Monitor {
    owner: Owner,
    state: Own<Mutex<State>>,
    notifier: Arc<Notifier>,
    callbacks: Own<CallbackThread>,
}

impl Monitor {
    pub(super) fn new(state: State) -> Self {
        Self {
            owner: Owner::here(),
            notifier: state.notifier.clone(),
            state: Own::new(Mutex::new(state)),
            callbacks: Own::new(CallbackThread::default()),
        }
    }

    /// Returns the process that it belongs to.
    #[inline]
    pub(super) fn owner(&self) -> Owner {
        self.owner
    }

    /// Returns what wakes the thread that leads.
    pub(super) fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    /// Reads or changes the state under its lock; then does what was deferred, without it. In a
    /// process that the state does not belong to, leaves the lock alone and returns the default.
    #[inline]
    pub(super) fn with<R: Default>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        if self.owner.is_here() { self.locked(act) } else { R::default() }
    }

    /// Does what [`with`](Monitor::with) does. The caller has checked that the state belongs to
    /// this process.
    pub(super) fn locked<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = act(&mut state);
        if state.deferred.is_empty() {
            return answer;
        }
        if state.deferred.has_wakers() {
            state.lend_lead();
        }
        let deferred = std::mem::take(&mut state.deferred);
        drop(state);
        deferred.run(&self.callbacks);
        answer
    }

    /// Closes the descriptors in a copy of the process that the state belongs to.
    pub(super) fn close_copies(&self) {
        // A thread that is not here may have held the lock, in the middle of a change; then they
        // stay open.
        if let Ok(mut state) = self.state.try_lock() {
            state.close_copies();
        }
    }

    /// Runs `run` on the callback thread.
    pub(super) fn run_callback(&self, run: WhenDone) {
        self.callbacks.run(run);
    }

    /// Waits until all callbacks have run, and ends their thread.
    pub(super) fn stop_callbacks(&self) {
        self.callbacks.stop();
    }

    /// Has every waiting thread look again.
    pub(super) fn notify_all(&self) {
        self.with(|state| state.waiters.wake_all(&mut state.deferred));
        self.notifier.notify();
    }
}
