//! The callbacks of one result.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::error::{Error, Origin, Result};
use crate::foreign;
use crate::future::PendingResult;
use crate::sys::pid::Owner;

/// A result that callbacks have received or will receive.
pub(super) struct CalledBack<R> {
    owner: Owner,
    /// Callbacks that have not run yet.
    pending: AtomicUsize,
    state: Mutex<State<R>>,
}

struct State<R> {
    value: Option<Result<R>>,
    wakers: Vec<Waker>,
}

impl<R> CalledBack<R> {
    pub(super) fn new() -> Self {
        Self {
            owner: Owner::here(),
            pending: AtomicUsize::new(0),
            state: Mutex::new(State { value: None, wakers: Vec::new() }),
        }
    }

    pub(super) fn owner(&self) -> Owner {
        self.owner
    }

    fn lock(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn expect_one_more(&self) {
        self.pending.fetch_add(1, SeqCst);
    }

    /// Returns whether all callbacks have run.
    pub(super) fn is_settled(&self) -> bool {
        self.pending.load(SeqCst) == 0
    }

    /// Calls `f` with the result, on the callback thread. A panic takes the result's place.
    pub(super) fn call(&self, pending: &dyn PendingResult<R>, f: impl FnOnce(&Result<R>)) {
        let known = self.lock().value.take();
        let mut value = known.unwrap_or_else(|| {
            foreign::guard(|| pending.take()).unwrap_or_else(|panic| Err(Error::panicked_in_decoding::<R>(&panic)))
        });
        let called = foreign::guard(|| f(&value));
        // A callback that forks returns twice. In the copy, a thread that does not exist there may
        // hold any lock.
        self.owner.or_exit();
        if let Err(panic) = called {
            let result = std::mem::replace(&mut value, Err(callback_panicked(&panic)));
            foreign::run_or_forget(|| drop(result));
        }
        let mut state = self.lock();
        state.value = Some(value);
        self.pending.fetch_sub(1, SeqCst);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(|waker| foreign::run_or_forget(|| waker.wake()));
        pending.notify();
    }

    /// Keeps `waker` until the callbacks have run. Returns `false` if they have.
    pub(super) fn wake_when_settled(&self, waker: &Waker) -> bool {
        let mut state = self.lock();
        if self.is_settled() {
            return false;
        }
        if !state.wakers.iter().any(|known| known.will_wake(waker)) {
            state.wakers.push(waker.clone());
        }
        true
    }

    pub(super) fn forget_waker(&self, waker: &Waker) {
        self.lock().wakers.retain(|known| !known.will_wake(waker));
    }

    /// Answers a question about the result, if a callback has received it.
    pub(super) fn ask<A>(&self, question: impl FnOnce(&Result<R>) -> A) -> Option<A> {
        self.lock().value.as_ref().map(question)
    }

    pub(super) fn take(&self) -> Option<Result<R>> {
        self.lock().value.take()
    }
}

fn callback_panicked(message: &str) -> Error {
    Error::Panicked {
        message: format!("in a callback: {message}"),
        location: None,
        backtrace: None,
        stderr: None,
        pid: std::process::id(),
        origin: Origin::default(),
    }
}
