//! The words that processes coordinate by at a queue of either kind: its limits, and what they wait
//! for.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::Instant;

use crate::cpu::can_spin;
use crate::error::{Error, Result};
use crate::protocol::MAX_MESSAGE;
use crate::shm::{EventCount, SLICE};
use crate::sys::words::words;

words! {
    /// The control block of a queue, in shared memory.
    #[repr(align(128))]
    #[derive(Debug)]
    pub(super) struct Control {
        /// Values the queue may hold; 0 for any number.
        capacity: AtomicU64,
        /// Bytes a value may have.
        max_message: AtomicU64,
        /// 1 once no more can be put. Changed under the lock for putting.
        closed: AtomicU32,
        /// 1 once another process was given a handle.
        shared: AtomicU32,
        /// Values that were reported as done.
        done: AtomicU64,
        /// Notified when a value was put.
        values: EventCount,
        /// Notified when a value was taken from a bounded queue.
        room: EventCount,
        /// Notified when a value was reported as done.
        finished: EventCount,
    }
}

/// What a call waits for, besides the closing of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    Value,
    Room,
}

impl Control {
    /// Initializes zeroed memory.
    pub(super) fn init(&self, capacity: u64) {
        self.capacity.store(capacity, Relaxed);
        self.set_max_message(MAX_MESSAGE);
    }

    pub(super) fn capacity(&self) -> Option<usize> {
        match self.capacity.load(Relaxed) {
            0 => None,
            capacity => Some(capacity as usize),
        }
    }

    pub(super) fn is_full(&self, len: u64) -> bool {
        let capacity = self.capacity.load(Relaxed);
        capacity > 0 && len >= capacity
    }

    pub(super) fn set_max_message(&self, bytes: u64) {
        self.max_message.store(bytes, Relaxed);
    }

    /// Fails with the limit if a value of `bytes` bytes is over it.
    pub(super) fn check_size(&self, bytes: usize) -> Result<()> {
        let (bytes, max) = (bytes as u64, self.max_message.load(Relaxed));
        if bytes > max { Err(Error::too_large(bytes, max)) } else { Ok(()) }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Acquire) == 1
    }

    /// Records that no more can be put. The caller holds the lock for putting.
    pub(super) fn set_closed(&self) {
        self.closed.store(1, Release);
    }

    pub(super) fn is_shared(&self) -> bool {
        self.shared.load(Acquire) == 1
    }

    /// Records that another process was given a handle.
    pub(super) fn set_shared(&self) {
        self.shared.store(1, Release);
    }

    pub(super) fn notify_put(&self) {
        self.values.notify_one();
    }

    pub(super) fn notify_taken(&self) {
        if self.capacity.load(Relaxed) > 0 {
            self.room.notify_one();
        }
    }

    /// Returns what is notified when what a call waits for may be there.
    pub(super) fn changes(&self, what: Awaited) -> &EventCount {
        match what {
            Awaited::Value => &self.values,
            Awaited::Room => &self.room,
        }
    }

    /// Wakes every call that waits to put or take.
    pub(super) fn notify_all(&self) {
        self.values.notify_all();
        self.room.notify_all();
    }

    /// Waits until `is_over` or the deadline; returns which of them it was. Looks busily for a
    /// moment first if `spin`.
    pub(super) fn wait_for(&self, what: Awaited, until: Instant, spin: bool, is_over: impl Fn() -> bool) -> bool {
        self.changes(what).wait_until(Some(until), spin, || is_over().then_some(())).is_some()
    }

    /// Waits until `has_room`, or the queue is closed, or for one [`SLICE`]: then the caller must
    /// see whether a killed process has left room that does not show. Returns `false` at the
    /// deadline.
    pub(super) fn wait_for_room(&self, deadline: Option<Instant>, has_room: impl Fn() -> bool) -> bool {
        let now = Instant::now();
        if deadline.is_some_and(|deadline| now >= deadline) {
            return false;
        }
        let until = deadline.map_or(now + SLICE, |deadline| deadline.min(now + SLICE));
        self.wait_for(Awaited::Room, until, can_spin(), || has_room() || self.is_closed());
        true
    }

    /// Counts a value as done, of as many as `put_count` returns.
    pub(super) fn record_done(&self, put_count: impl Fn() -> u64) -> Result<()> {
        // Asked in each round: values may be put, taken and reported in between.
        let one_more = |done| (done < put_count()).then(|| done + 1);
        if self.done.fetch_update(AcqRel, Acquire, one_more).is_err() {
            return Err(Error::InvalidState(
                "task_done was called more often than values were put into the queue".into(),
            ));
        }
        self.finished.notify_all();
        Ok(())
    }

    /// Waits until as many values are done as `put_count` returns; `false` if the deadline comes
    /// first.
    pub(super) fn wait_until_done(&self, deadline: Option<Instant>, put_count: impl Fn() -> u64) -> bool {
        let all_done = || (self.done.load(Acquire) >= put_count()).then_some(());
        self.finished.wait_until(deadline, can_spin(), all_done).is_some()
    }
}
