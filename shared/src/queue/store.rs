//! What a kind of queue has to do for the shared calls, and the layout of its memory: a header of
//! one page, and behind it areas that come and go as the queue grows and shrinks.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::fds::Descriptor;
use crate::kind::{ObjectKind, Tag};
use crate::queue::control_words::Control;
use crate::sys::mutex::{Held, RobustMutex};
use crate::sys::shm::{self, Mapping};

/// The memory of a queue: values as bytes, in the order of that kind of queue.
pub(super) trait Store: AsFd + Send + Sync + Sized + 'static {
    const KIND: ObjectKind;

    /// Creates the memory of an empty queue for `capacity` values; 0 for any number.
    fn create(capacity: u64) -> Result<OwnedFd>;

    /// Opens memory that this process or another has created.
    fn open(fd: Arc<Descriptor>) -> Result<Self>;

    fn control(&self) -> &Control;

    /// Returns the number of values in the queue, which may change meanwhile.
    fn len(&self) -> u64;

    fn is_empty(&self) -> bool;

    /// Returns the number of values that were ever put.
    fn put_count(&self) -> u64;

    fn is_full(&self) -> bool {
        self.control().is_full(self.len())
    }

    /// Puts a value; returns `false` if the queue is full. The deadline bounds the wait for the
    /// lock.
    fn try_put(&self, value: &[u8], deadline: Option<Instant>) -> Result<bool, Refusal>;

    /// Completes what a killed consumer has begun, if that made room which does not show yet.
    fn recover_room(&self) -> Result<()> {
        Ok(())
    }

    /// Sets the queue closed, under the lock for putting.
    fn set_closed(&self) -> Result<(), Refusal>;
}

/// The reason why nothing was put or taken.
pub(super) enum Refusal {
    /// The deadline came first.
    TimedOut,
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The outcome of an attempt to take a value: none if there is none, an error in place of one that
/// cannot be decoded.
pub(super) type Taken<T> = Result<Option<Result<T>>, Refusal>;

/// How long a call waits.
#[derive(Debug, Clone, Copy)]
pub(super) enum WaitLimit {
    /// As long as it takes.
    None,
    /// Not at all.
    Now,
    Timeout(Duration),
}

impl WaitLimit {
    /// Returns the moment at which a call that begins now stops waiting.
    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Self::None => None,
            Self::Now => Some(Instant::now()),
            Self::Timeout(timeout) => Instant::now().checked_add(timeout),
        }
    }

    /// Returns the error of a call that was refused; `at_once` is that of one which does not wait.
    pub(super) fn error(self, refusal: Refusal, at_once: Error) -> Error {
        match (refusal, self) {
            (Refusal::Failed(error), _) => error,
            (Refusal::TimedOut, Self::Timeout(after)) => Error::timed_out(after),
            (Refusal::TimedOut, _) => at_once,
        }
    }
}

/// Where the areas begin: the header has the first page to itself. Both are whole pages on every
/// system (up to 64 KiB).
pub(super) const START: usize = 64 * 1024;

/// Bytes of the smallest area. A queue that stays small stays in the caches.
pub(super) const MIN_AREA: usize = 256 * 1024;

/// How long a lock is waited for in any case. It is held for some copies at a time, so that even a
/// call that does not wait can wait for that.
const MIN_LOCK_WAIT: Duration = Duration::from_millis(100);

/// Creates memory with a header, which `init` completes, and room for the smallest area.
pub(super) fn create(kind: ObjectKind, init: impl FnOnce(&Mapping)) -> Result<OwnedFd> {
    let fd = shm::create_growing(&kind.memory_name(), START + MIN_AREA)?;
    let mapping = Mapping::open_range(&fd, 0, START)?;
    Tag::write::<()>(&mapping, 0, kind, 0);
    init(&mapping);
    Ok(fd)
}

/// Maps the header of memory that must be of that kind.
pub(super) fn open(kind: ObjectKind, fd: impl AsFd) -> Result<Mapping> {
    let header = Mapping::open_range(fd, 0, START)?;
    Tag::read::<()>(&header, 0, kind)?;
    Ok(header)
}

/// Takes a lock; waits for at least [`MIN_LOCK_WAIT`].
pub(super) fn lock(mutex: &RobustMutex, deadline: Option<Instant>) -> Result<Held<'_>, Refusal> {
    match deadline {
        None => Ok(mutex.lock()?),
        Some(deadline) => mutex.lock_until(deadline.max(Instant::now() + MIN_LOCK_WAIT))?.ok_or(Refusal::TimedOut),
    }
}

/// Returns the error for memory that makes no sense: another process can write anything there.
pub(super) fn garbled() -> Error {
    Error::Decode("the memory of this queue is garbled".into())
}

/// Returns the error for a value that is larger than the memory of this process.
pub(super) fn no_memory(len: usize) -> Error {
    Error::Decode(format!("there is no memory for a value of {len} bytes").into())
}

/// Returns the error for values of `bytes` bytes, more than any area can have.
pub(super) fn too_many(bytes: usize) -> Error {
    Error::Config(format!("a queue cannot hold {bytes} bytes"))
}
