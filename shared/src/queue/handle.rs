//! A process' handle of a queue: the calls that both kinds of queue share.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::time::Instant;

use serde::{Deserializer, Serialize, Serializer, de, ser};

use crate::codec;
use crate::cpu::can_spin;
use crate::error::{Error, Result};
use crate::fds::{self, Descriptor, Travel};
use crate::queue::active_threads::WaitingThread;
use crate::queue::control_words::Awaited;
use crate::queue::peers::{self, Peers};
use crate::queue::put_error::PutError;
use crate::queue::store::{Refusal, Store, Taken, WaitLimit};
use crate::shm::SLICE;

/// The store of a queue, and what this process has found out about the others that use it.
///
/// All handles of one process that came from one another by `clone` are one `Arc` of this.
pub(super) struct Handle<S> {
    store: S,
    peers: Peers,
    /// The number of [`AsyncWaiter`]s.
    async_waiters: AtomicUsize,
}

impl<S: Store> Handle<S> {
    /// Creates a queue for any number of values.
    pub(super) fn unbounded() -> Result<Arc<Self>> {
        Self::create(0)
    }

    pub(super) fn bounded(capacity: usize) -> Result<Arc<Self>> {
        match capacity {
            0 => {
                Err(Error::Config("a queue for 0 values could never hold one; use `new` for one without bounds".into()))
            }
            capacity => Self::create(capacity as u64),
        }
    }

    fn create(capacity: u64) -> Result<Arc<Self>> {
        let fd = S::create(capacity)?;
        peers::count_in(&fd)?;
        Self::open(Arc::new(Descriptor::new(fd)))
    }

    fn open(fd: Arc<Descriptor>) -> Result<Arc<Self>> {
        let store = S::open(fd)?;
        Ok(Arc::new(Self { store, peers: Peers::new(), async_waiters: AtomicUsize::new(0) }))
    }

    pub(super) fn store(&self) -> &S {
        &self.store
    }

    pub(super) fn close(&self) -> Result<()> {
        if let Err(Refusal::Failed(error)) = self.store.set_closed() {
            return Err(error);
        }
        self.store.control().notify_all();
        Ok(())
    }

    pub(super) fn task_done(&self) -> Result<()> {
        self.store.control().record_done(|| self.store.put_count())
    }

    /// Waits until all values that were put are done; returns `false` at the limit.
    pub(super) fn join(&self, limit: WaitLimit) -> bool {
        self.store.control().wait_until_done(limit.deadline(), || self.store.put_count())
    }

    pub(super) fn put<T: Serialize + 'static>(self: &Arc<Self>, value: T, limit: WaitLimit) -> Result<(), PutError<T>> {
        self.peers.record_put();
        let deadline = limit.deadline();
        let put = |bytes: &[u8]| self.put_bytes(bytes, deadline).map_err(|refusal| limit.error(refusal, Error::Full));
        encode(&value, put).map_err(|error| PutError { value, error })
    }

    /// Puts a value; waits while the queue is full.
    fn put_bytes(self: &Arc<Self>, value: &[u8], deadline: Option<Instant>) -> Result<(), Refusal> {
        let control = self.store.control();
        control.check_size(value.len())?;
        let mut waiting = None;
        while !self.store.try_put(value, deadline)? {
            if !control.wait_for_room(deadline, || !self.store.is_full()) {
                return Err(Refusal::TimedOut);
            }
            if self.store.is_full() {
                self.store.recover_room()?;
            }
            if self.store.is_full() && self.are_consumers_gone(&mut waiting) && self.store.is_full() {
                return Err(Error::Disconnected.into());
            }
        }
        control.notify_put();
        Ok(())
    }

    /// Takes a value by `take`, which finds none if another thread or process was quicker.
    pub(super) fn get<T>(self: &Arc<Self>, limit: WaitLimit, take: impl Fn(Option<Instant>) -> Taken<T>) -> Result<T> {
        let deadline = limit.deadline();
        self.wait_and_take(deadline, || take(deadline)).map_err(|refusal| limit.error(refusal, Error::Empty))?
    }

    fn wait_and_take<R>(
        self: &Arc<Self>,
        deadline: Option<Instant>,
        take: impl Fn() -> Result<Option<R>, Refusal>,
    ) -> Result<R, Refusal> {
        let (store, control) = (&self.store, self.store.control());
        let is_over = || !store.is_empty() || control.is_closed();
        let mut looked_around = false;
        let mut waiting = None;
        loop {
            // In this order: what was put before the end is there.
            let closed = control.is_closed();
            if !store.is_empty() {
                match take()? {
                    Some(taken) => {
                        self.peers.record_taken();
                        return Ok(taken);
                    }
                    // Another was quicker; or the memory is garbled, and only seems to hold
                    // something.
                    None if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                        return Err(Refusal::TimedOut);
                    }
                    None => continue,
                }
            }
            if closed {
                return Err(Error::Closed.into());
            }
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Err(Refusal::TimedOut);
            }
            // The first wait is a busy one: a call that finds something soon need not look for
            // peers.
            let until = if looked_around { now + SLICE } else { now };
            let until = deadline.map_or(until, |deadline| until.min(deadline));
            if !control.wait_for(Awaited::Value, until, can_spin() && !looked_around, is_over) {
                // A killed process may have left a value that only shows once its lock was taken
                // over: the last one, too, so that it is looked for after that has ended.
                let gone = self.are_producers_gone(&mut waiting);
                if (looked_around || gone)
                    && let Some(taken) = take()?
                {
                    self.peers.record_taken();
                    return Ok(taken);
                }
                if gone && !is_over() {
                    return Err(Error::Disconnected.into());
                }
                looked_around = true;
            }
        }
    }

    /// Returns whether it is certain that nothing will be put any more. `waiting` is this thread's
    /// mark as one that waits.
    pub(super) fn are_producers_gone<'a>(self: &'a Arc<Self>, waiting: &mut Option<WaitingThread<'a>>) -> bool {
        !self.peers.has_put() && self.is_alone(waiting)
    }

    /// Returns whether it is certain that nothing will be taken any more.
    pub(super) fn are_consumers_gone<'a>(self: &'a Arc<Self>, waiting: &mut Option<WaitingThread<'a>>) -> bool {
        !self.peers.has_taken() && self.is_alone(waiting)
    }

    /// Returns whether other processes had handles and are gone, and this thread is the last that
    /// can use the queue.
    fn is_alone<'a>(self: &'a Arc<Self>, waiting: &mut Option<WaitingThread<'a>>) -> bool {
        self.store.control().is_shared()
            && Arc::strong_count(self) == 1 + self.async_waiters.load(Acquire)
            && self.peers.are_gone(&self.store, waiting)
    }

    /// Serializes a handle for another process.
    pub(super) fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        let descriptor = self.peers.descriptor_to_send(&self.store).map_err(ser::Error::custom)?;
        let written = fds::serialize(&descriptor, S::KIND, Travel::Shared, serializer)?;
        self.peers.record_sent();
        self.store.control().set_shared();
        Ok(written)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Self>, D::Error> {
        Self::open(fds::deserialize(S::KIND, deserializer)?).map_err(de::Error::custom)
    }

    /// Formats the queue under the name of its type.
    pub(super) fn fmt(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("len", &self.store.len())
            .field("capacity", &self.store.control().capacity())
            .field("closed", &self.store.control().is_closed())
            .finish()
    }
}

/// A clone of a handle for a wait without a thread of its own, which will not put or take.
pub(super) struct AsyncWaiter<S: Store>(Arc<Handle<S>>);

impl<S: Store> AsyncWaiter<S> {
    pub(super) fn new(handle: &Arc<Handle<S>>) -> Self {
        let handle = handle.clone();
        // After the clone, and before it goes: counted for too few, never for too many.
        handle.async_waiters.fetch_add(1, AcqRel);
        Self(handle)
    }

    pub(super) fn handle(&self) -> &Handle<S> {
        &self.0
    }
}

impl<S: Store> Drop for AsyncWaiter<S> {
    fn drop(&mut self) {
        self.0.async_waiters.fetch_sub(1, AcqRel);
    }
}

/// Bytes of the largest buffer that a thread keeps: new memory costs as much as a copy, since each
/// of its pages is cleared at its first use.
const MAX_KEPT: usize = 4 << 20;

const NO_HANDLES: &str = "a value with a handle in it (connection, queue, lock, file, …) cannot go through a queue: send it through a \
     channel or a Connection, or give the handle to the process as an argument";

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Calls `work` with an empty buffer, which the thread keeps for its next value.
pub(super) fn with_buffer<R>(work: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    // A thread that ends keeps none any more.
    let mut buffer = BUFFER.try_with(Cell::take).unwrap_or_default();
    let result = work(&mut buffer);
    if buffer.capacity() <= MAX_KEPT {
        buffer.clear();
        let _ = BUFFER.try_with(|kept| kept.set(buffer));
    }
    result
}

/// Passes the bytes of `value` to `put`, without a copy if it is plain data.
fn encode<T: Serialize + 'static>(value: &T, put: impl FnOnce(&[u8]) -> Result<()>) -> Result<()> {
    if let Some(bytes) = codec::view(value) {
        return put(bytes);
    }
    with_buffer(|bytes| {
        fds::forbid(NO_HANDLES, || codec::guard_encoding::<T>(|| codec::encode_ref(value, bytes)))?;
        put(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::byte_ring::ByteRing;

    #[test]
    fn waiting_producer_finds_room_that_killed_consumer_left() {
        let handle = Handle::<ByteRing>::bounded(1).unwrap();
        handle.put_bytes(b"first", None).ok().unwrap();
        handle.store().kill_consumer_between_position_and_count(5);
        assert!(handle.store().is_full() && handle.store().is_empty());
        assert!(handle.put_bytes(b"second", None).is_ok());
        let mut value = Vec::new();
        assert!(handle.store().take(&mut value, None).is_ok_and(|taken| taken));
        assert_eq!(value, b"second");
        assert_eq!(handle.store().len(), 0);
    }
}
