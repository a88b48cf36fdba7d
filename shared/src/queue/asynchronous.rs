//! Waiting at a queue in async functions.
//!
//! A queue's waiters sleep on a word of shared memory, which no event loop can watch. So a thread
//! of the runtime sleeps there instead. It only waits: a value is taken by the future itself when
//! it is polled, so that no value is lost with a future that is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};
use std::time::Instant;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::pipe::require_runtime;
use crate::queue::control::Awaited;
use crate::queue::handle::{AsyncWaiter, Handle};
use crate::queue::put_error::PutError;
use crate::queue::store::{Refusal, Store, Taken, WaitLimit};
use crate::shm::SLICE;

impl<S: Store> Handle<S> {
    pub(super) async fn put_async<T: Serialize + 'static>(self: &Arc<Self>, mut value: T) -> Result<(), PutError<T>> {
        loop {
            match self.put(value, WaitLimit::Now) {
                Err(PutError { value: back, error: Error::Full }) => value = back,
                outcome => return outcome,
            }
            match self.wait_for_room_async().await {
                Ok(()) => {}
                Err(error) => return Err(PutError { value, error }),
            }
        }
    }

    /// Waits until there is room, or for a moment: then the caller tries again.
    async fn wait_for_room_async(self: &Arc<Self>) -> Result<()> {
        if self.wait_async(Awaited::Room).await? {
            return Ok(());
        }
        self.store().recover_room()?;
        if self.store().is_full() && self.are_consumers_gone(&mut None) && self.store().is_full() {
            return Err(Error::Disconnected);
        }
        Ok(())
    }

    pub(super) async fn get_async<T>(self: &Arc<Self>, take: impl Fn(Option<Instant>) -> Taken<T>) -> Result<T> {
        loop {
            match self.get(WaitLimit::Now, &take) {
                Err(Error::Empty) => {}
                outcome => return outcome,
            }
            if self.wait_async(Awaited::Value).await? {
                continue;
            }
            // A killed process may have left a value that only shows once its lock was taken over.
            match take(Some(Instant::now())) {
                Ok(Some(value)) => return value,
                Ok(None) | Err(Refusal::TimedOut) => {}
                Err(Refusal::Failed(error)) => return Err(error),
            }
            if self.are_producers_gone(&mut None) && !self.is_over(Awaited::Value) {
                return Err(Error::Disconnected);
            }
        }
    }

    /// Returns whether there is what is waited for, or the queue was closed.
    fn is_over(&self, what: Awaited) -> bool {
        let store = self.store();
        let is_there = match what {
            Awaited::Value => !store.is_empty(),
            Awaited::Room => !store.is_full(),
        };
        is_there || store.control().is_closed()
    }

    /// Waits until the wait [is over](Handle::is_over), or for one [`SLICE`]; returns which of them
    /// it was.
    async fn wait_async(self: &Arc<Self>, what: Awaited) -> Result<bool> {
        require_runtime()?;
        let mut cancel = CancelOnDrop { handle: self, canceled: Arc::default(), is_armed: true };
        let waiter = AsyncWaiter::new(self);
        let canceled = cancel.canceled.clone();
        let waiting = tokio::task::spawn_blocking(move || {
            let handle = waiter.enter();
            let is_over = || handle.is_over(what) || canceled.load(Acquire);
            // Not busily: that would only keep the CPU from the runtime's own threads.
            handle.store().control().wait_for(what, Instant::now() + SLICE, false, is_over)
        });
        let outcome = waiting.await;
        cancel.is_armed = false;
        outcome.map_err(|_| Error::Config("the tokio runtime is shutting down".into()))
    }
}

/// Wakes the thread that waits, if the future is dropped.
struct CancelOnDrop<'a, S: Store> {
    handle: &'a Arc<Handle<S>>,
    canceled: Arc<AtomicBool>,
    /// `false` once the thread has returned.
    is_armed: bool,
}

impl<S: Store> Drop for CancelOnDrop<'_, S> {
    fn drop(&mut self) {
        if !self.is_armed {
            return;
        }
        self.canceled.store(true, Release);
        // All, since the thread may have used up a wake-up that was meant for the next to take the
        // value.
        self.handle.store().control().notify_all();
    }
}
