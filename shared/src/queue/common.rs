//! What every kind of queue has in common: its words in shared memory, how to wait at it, and its
//! handles.

use std::os::fd::AsFd;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use serde::{Serializer, ser};

use crate::cpu::can_spin;
use crate::error::{Error, Result};
use crate::fds::{self, Descriptor, Travel};
use crate::kind::ObjectKind;
use crate::protocol::MAX_MESSAGE;
use crate::queue::others::{Others, Waiting};
use crate::queue::presence;
use crate::shm::{EventCount, SLICE};
use crate::sys::words::words;

words! {
    /// Words of a queue in shared memory.
    #[repr(align(128))]
    #[derive(Debug)]
    pub(super) struct Common {
        /// Values it may hold; 0 for any number.
        pub(super) capacity: AtomicU64,
        /// Bytes a value may have.
        pub(super) max_message: AtomicU64,
        /// 1 once no more can be put. Changed by who holds the lock for putting.
        closed: AtomicU32,
        /// 1 once another process was given a handle.
        shared: AtomicU32,
        /// Values of which somebody said that they are dealt with.
        done: AtomicU64,
        /// Values have come.
        pub(super) items: EventCount,
        /// Values were taken.
        pub(super) room: EventCount,
        /// Values were dealt with.
        finished: EventCount,
    }
}

impl Common {
    pub(super) fn init(&self, capacity: u64) {
        self.capacity.store(capacity, Relaxed);
        self.max_message.store(MAX_MESSAGE, Relaxed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Acquire) == 1
    }

    pub(super) fn is_full(&self, len: u64) -> bool {
        let capacity = self.capacity.load(Relaxed);
        capacity > 0 && len >= capacity
    }

    /// An error that names the cap, if a value of so many bytes is over it.
    pub(super) fn check_size(&self, bytes: usize) -> Result<()> {
        let (bytes, cap) = (bytes as u64, self.max_message.load(Relaxed));
        if bytes > cap { Err(Error::TooLarge { bytes, cap }) } else { Ok(()) }
    }

    /// Says that no more can be put. The caller holds the lock for putting.
    pub(super) fn close(&self) {
        self.closed.store(1, Release);
    }

    /// Tells everybody who waits that it was closed.
    pub(super) fn notify_closed(&self) {
        self.items.notify_all();
        self.room.notify_all();
    }

    /// Waits until `has_room`, or until it is closed, or for a moment: then the caller must see
    /// whether a killed process has left room that does not show. `None` if the deadline came.
    pub(super) fn wait_for_room(&self, deadline: Option<Instant>, has_room: impl Fn() -> bool) -> Option<()> {
        let now = Instant::now();
        if deadline.is_some_and(|deadline| now >= deadline) {
            return None;
        }
        let until = deadline.map_or(now + SLICE, |deadline| deadline.min(now + SLICE));
        self.room.wait_until(Some(until), can_spin(), || (has_room() || self.is_closed()).then_some(()));
        Some(())
    }

    /// A value was taken.
    pub(super) fn notify_taken(&self) {
        if self.capacity.load(Relaxed) > 0 {
            self.room.notify_one();
        }
    }
}

/// Why something could not be put or taken.
pub(super) enum Refusal {
    /// The deadline came.
    NotNow,
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Refusal {
    /// The error to tell; `late` is that of a deadline.
    pub(super) fn or(self, late: Error) -> Error {
        match self {
            Self::NotNow => late,
            Self::Failed(error) => error,
        }
    }
}

/// Where a kind of queue keeps its values.
pub(super) trait Store: AsFd {
    const KIND: ObjectKind;
    fn common(&self) -> &Common;
    fn is_empty(&self) -> bool;
    /// Values put since the start.
    fn count_put(&self) -> u64;
}

/// A queue's store, and what this process knows of those who share it.
#[derive(Debug)]
pub(super) struct Core<S> {
    pub(super) store: S,
    /// The description that handles for other processes travel by, while one does.
    travelling: Mutex<Weak<Descriptor>>,
    /// This process has put something.
    has_put: AtomicBool,
    /// This process has taken something.
    has_taken: AtomicBool,
    pub(super) others: Others,
    /// Threads that wait on behalf of async functions, and hold this.
    pub(super) stand_ins: AtomicUsize,
}

impl<S: Store> Core<S> {
    pub(super) fn new(store: S) -> Arc<Self> {
        Arc::new(Self {
            store,
            travelling: Mutex::default(),
            has_put: AtomicBool::new(false),
            has_taken: AtomicBool::new(false),
            others: Others::new(),
            stand_ins: AtomicUsize::new(0),
        })
    }

    pub(super) fn note_put(&self) {
        if !self.has_put.load(Relaxed) {
            self.has_put.store(true, Relaxed);
        }
    }

    fn note_taken(&self) {
        if !self.has_taken.load(Relaxed) {
            self.has_taken.store(true, Relaxed);
        }
    }

    /// Whether it is known that nobody can put anything any more. `waiting` is this thread's mark
    /// as one that waits.
    pub(super) fn is_forsaken<'a>(self: &'a Arc<Self>, waiting: &mut Option<Waiting<'a>>) -> bool {
        !self.has_put.load(Relaxed) && self.is_alone(waiting)
    }

    /// Whether it is known that nobody can take anything any more.
    pub(super) fn is_put_in_vain<'a>(self: &'a Arc<Self>, waiting: &mut Option<Waiting<'a>>) -> bool {
        !self.has_taken.load(Relaxed) && self.is_alone(waiting)
    }

    /// Whether other processes had handles and are gone, and this thread is the last that can use
    /// the queue.
    fn is_alone<'a>(self: &'a Arc<Self>, waiting: &mut Option<Waiting<'a>>) -> bool {
        let alone = self.store.common().shared.load(Acquire) == 1
            && Arc::strong_count(self) == 1 + self.stand_ins.load(Acquire)
            && presence::is_alone(&self.store);
        if !alone {
            return false;
        }
        waiting.get_or_insert_with(|| self.others.wait());
        // Another thread may have given out a handle between the first look and the second.
        !self.others.any() && presence::is_alone(&self.store)
    }

    /// Takes something by `attempt`, which finds nothing if another was quicker; waits while there
    /// is nothing.
    pub(super) fn take<R>(
        self: &Arc<Self>,
        deadline: Option<Instant>,
        mut attempt: impl FnMut() -> Result<Option<R>, Refusal>,
    ) -> Result<R, Refusal> {
        let (store, common) = (&self.store, self.store.common());
        let mut looked_around = false;
        let mut waiting = None;
        loop {
            // In this order: what was put before the end is there.
            let closed = common.is_closed();
            if !store.is_empty() {
                match attempt()? {
                    Some(taken) => {
                        self.note_taken();
                        return Ok(taken);
                    }
                    // Another was quicker; or the memory is garbled, and only seems to hold something.
                    None if deadline.is_some_and(|deadline| Instant::now() >= deadline) => return Err(Refusal::NotNow),
                    None => continue,
                }
            }
            if closed {
                return Err(Error::Closed.into());
            }
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Err(Refusal::NotNow);
            }
            // The first wait is a busy one: who finds something soon need not ask who else is there.
            let until = if looked_around { now + SLICE } else { now };
            let until = deadline.map_or(until, |deadline| until.min(deadline));
            let something = || (!store.is_empty() || common.is_closed()).then_some(());
            if common.items.wait_until(Some(until), can_spin() && !looked_around, something).is_none() {
                // A process that was killed may have left something that only shows once its lock was taken over.
                if looked_around && let Some(taken) = attempt()? {
                    self.note_taken();
                    return Ok(taken);
                }
                if self.is_forsaken(&mut waiting) && something().is_none() {
                    return Err(Error::Disconnected.into());
                }
                looked_around = true;
            }
        }
    }

    /// Says that a value which was taken is dealt with.
    pub(super) fn task_done(&self) -> Result<()> {
        let common = self.store.common();
        let one_more = |done| (done < self.store.count_put()).then(|| done + 1);
        if common.done.fetch_update(AcqRel, Acquire, one_more).is_err() {
            return Err(Error::InvalidState(
                "task_done was called more often than values were put into the queue".into(),
            ));
        }
        common.finished.notify_all();
        Ok(())
    }

    /// Waits until all values that were put are dealt with; `false` if the deadline comes first.
    pub(super) fn wait_done(&self, deadline: Option<Instant>) -> bool {
        let common = self.store.common();
        let all_done = || (common.done.load(Acquire) >= self.store.count_put()).then_some(());
        common.finished.wait_until(deadline, can_spin(), all_done).is_some()
    }

    /// A handle for another process. One description serves all that are on their way at a time.
    pub(super) fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        let mut travelling = self.travelling.lock().unwrap_or_else(PoisonError::into_inner);
        let descriptor = match travelling.upgrade() {
            Some(descriptor) => descriptor,
            None => Arc::new(Descriptor::new(presence::invite(&self.store).map_err(ser::Error::custom)?)),
        };
        *travelling = Arc::downgrade(&descriptor);
        let written = fds::serialize(&descriptor, S::KIND, Travel::Shared, serializer)?;
        self.others.note_giver();
        self.store.common().shared.store(1, Release);
        Ok(written)
    }
}
