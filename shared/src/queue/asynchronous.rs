//! Waiting at a queue without a thread: in async functions, and for one of several objects.
//!
//! A queue's waiters sleep on a word of shared memory, which no event loop can watch. So the
//! [watcher](crate::shm::Watch) of the process sleeps there for all of them. It only waits: a value
//! is taken by the future itself when it is polled, so that no value is lost with a future that is
//! dropped.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Instant;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::queue::control_words::Awaited;
use crate::queue::handle::{AsyncWaiter, Handle};
use crate::queue::put_error::PutError;
use crate::queue::store::{Refusal, Store, Taken, WaitLimit};
use crate::shm::{EventCount, Watch, Watched};

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
            // A killed process may have left a value that only shows once its lock was taken over:
            // the last one, too, so that it is looked for after that has ended.
            let gone = self.are_producers_gone(&mut None);
            match take(Some(Instant::now())) {
                Ok(Some(value)) => return value,
                Ok(None) | Err(Refusal::TimedOut) => {}
                Err(Refusal::Failed(error)) => return Err(error),
            }
            if gone && !self.is_over(Awaited::Value) {
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

    /// Waits until the wait [is over](Handle::is_over), or for one [`SLICE`](crate::shm::SLICE) if
    /// other processes have the queue; returns which of them it was.
    async fn wait_async(self: &Arc<Self>, what: Awaited) -> Result<bool> {
        let mut watch = None;
        poll_fn(|context| match &watch {
            None => {
                let watched = Awaiting { waiter: AsyncWaiter::new(self), what, is_exclusive: true };
                watch = Some(Watch::new(Arc::new(watched), context.waker())?);
                Poll::Pending
            }
            Some(watch) => watch.poll(context).map(Ok),
        })
        .await
    }

    /// Returns whether a call of `get` would return at once, with a value or an error.
    pub(super) fn is_ready_to_get(self: &Arc<Self>) -> bool {
        self.is_over(Awaited::Value) || self.are_producers_gone(&mut None)
    }

    /// Has `waker` called when a value can be taken, or `get` may be an error.
    pub(super) fn watch(self: &Arc<Self>, waker: &Waker) -> Result<Watch> {
        let watched = Awaiting { waiter: AsyncWaiter::new(self), what: Awaited::Value, is_exclusive: false };
        Watch::new(Arc::new(watched), waker)
    }
}

/// What one waiter waits for.
struct Awaiting<S: Store> {
    waiter: AsyncWaiter<S>,
    what: Awaited,
    /// The waiter takes what is there, and no other gets it.
    is_exclusive: bool,
}

impl<S: Store> Watched for Awaiting<S> {
    fn event_count(&self) -> &EventCount {
        self.waiter.handle().store().control().changes(self.what)
    }

    fn is_ready(&self) -> bool {
        self.waiter.handle().is_over(self.what)
    }

    fn pass_on(&self) {
        self.event_count().notify_one();
    }

    fn is_exclusive(&self) -> bool {
        self.is_exclusive
    }

    fn looks_around(&self) -> bool {
        // Only other processes can be killed, or be gone.
        self.waiter.handle().store().control().is_shared()
    }
}
