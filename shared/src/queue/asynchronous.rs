//! Queues in async functions.
//!
//! A queue's waiters sleep on a word of shared memory, which no event loop can watch. So a thread
//! of the runtime sleeps there instead. It only waits: what is taken is taken by the future itself
//! when it is polled, so that one which is dropped takes nothing along.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel, Ordering::Acquire, Ordering::Release};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::{self, Source};
use crate::error::{Error, Result};
use crate::pipe::in_runtime;
use crate::queue::common::{Core, Refusal, Store};
use crate::queue::ring::Ring;
use crate::queue::{PutError, Queue};
use crate::shm::SLICE;

/// How long a put that has waited in vain looks whether a killed process has left room that does
/// not show.
const CLOSER_LOOK: Duration = Duration::from_millis(1);

impl<T: Serialize + 'static> Queue<T> {
    /// As [`put`](Queue::put), in an async function on a tokio runtime. If the future is dropped
    /// before it is done, the value was not put, and goes with it. While it waits it takes a
    /// thread of those for blocking calls.
    ///
    /// # Errors
    /// As `put`, and [`Error::Config`] if it has to wait outside of a tokio runtime. For an example
    /// see [`get_async`](Queue::get_async).
    pub async fn put_async(&self, mut value: T) -> Result<(), PutError<T>> {
        let mut patience = Duration::ZERO;
        loop {
            match self.put_until(value, Instant::now().checked_add(patience), Error::Full) {
                Err(PutError { value: back, error: Error::Full }) => value = back,
                outcome => return outcome,
            }
            match wait(&self.core, For::Room).await {
                Ok(true) => patience = Duration::ZERO,
                Ok(false) if patience > Duration::ZERO && self.core.is_put_in_vain(&mut None) => {
                    return Err(PutError { value, error: Error::Disconnected });
                }
                Ok(false) => patience = CLOSER_LOOK,
                Err(error) => return Err(PutError { value, error }),
            }
        }
    }
}

impl<T: DeserializeOwned + 'static> Queue<T> {
    /// As [`get`](Queue::get), in an async function on a tokio runtime. If the future is dropped
    /// before it is done, no value is lost. While it waits it takes a thread of those for
    /// blocking calls.
    ///
    /// # Errors
    /// As `get`, and [`Error::Config`] if it has to wait outside of a tokio runtime.
    ///
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// let queue = multiproc::Queue::new()?;
    /// runtime.block_on(async {
    ///     queue.put_async("value".to_string()).await?;
    ///     assert_eq!(queue.get_async().await?, "value");
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn get_async(&self) -> Result<T> {
        loop {
            match self.try_get() {
                Err(Error::Empty) => {}
                outcome => return outcome,
            }
            if wait(&self.core, For::Value).await? {
                continue;
            }
            if let Some(outcome) = self.look_closer() {
                return outcome;
            }
            if self.core.is_forsaken(&mut None) && !For::Value.is_there(&self.core.store) {
                return Err(Error::Disconnected);
            }
        }
    }

    /// Takes what a killed process may have left so that it does not show.
    fn look_closer(&self) -> Option<Result<T>> {
        let mut bytes = Vec::new();
        match self.core.store.take(&mut bytes, Some(Instant::now())) {
            Ok(true) => Some(codec::decode_guarded(Source::Buffer(&mut bytes))),
            Ok(false) | Err(Refusal::NotNow) => None,
            Err(Refusal::Failed(error)) => Some(Err(error)),
        }
    }
}

/// What is waited for.
#[derive(Clone, Copy)]
enum For {
    Value,
    Room,
}

impl For {
    /// Whether it is there, or the queue was closed.
    fn is_there(self, ring: &Ring) -> bool {
        let there = match self {
            Self::Value => !ring.is_empty(),
            Self::Room => !ring.header().is_full(),
        };
        there || ring.common().is_closed()
    }
}

/// Waits until it is there, or for a moment: then the caller must look closer. Says whether it is
/// there.
async fn wait(core: &Arc<Core<Ring>>, what: For) -> Result<bool> {
    in_runtime()?;
    let given_up = GiveUp { core, flag: Arc::default() };
    let stand_in = StandIn::new(core);
    let flag = given_up.flag.clone();
    let waiting = tokio::task::spawn_blocking(move || {
        stand_in.core.others.note_stand_in();
        let store = &stand_in.core.store;
        let until = Some(Instant::now() + SLICE);
        let over = || (what.is_there(store) || flag.load(Acquire)).then_some(());
        let changes = match what {
            For::Value => &store.common().items,
            For::Room => &store.common().room,
        };
        // Not busily: that would only keep the CPU from the runtime's own threads.
        changes.wait_until(until, false, over).is_some()
    });
    let outcome = waiting.await;
    std::mem::forget(given_up);
    outcome.map_err(|_| Error::Config("the tokio runtime is shutting down".into()))
}

/// Tells the thread that waits, if the future is dropped.
struct GiveUp<'a> {
    core: &'a Arc<Core<Ring>>,
    flag: Arc<AtomicBool>,
}

impl Drop for GiveUp<'_> {
    fn drop(&mut self) {
        self.flag.store(true, Release);
        // All, since the thread may have used up a wake-up that was meant for whoever takes the value.
        self.core.store.common().notify_closed();
    }
}

/// The core, as the waiting thread holds it: not one of those who could put something.
struct StandIn {
    core: Arc<Core<Ring>>,
}

impl StandIn {
    fn new(core: &Arc<Core<Ring>>) -> Self {
        let core = core.clone();
        // After the clone, and before it goes: counted for too few, never for too many.
        core.stand_ins.fetch_add(1, AcqRel);
        Self { core }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.core.stand_ins.fetch_sub(1, AcqRel);
    }
}
