//! The memory of both kinds of queue: a header of one page, and behind it areas that come and go as
//! the queue grows and shrinks.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::kind::{ObjectKind, Tag};
use crate::queue::store::Refusal;
use crate::sys::mutex::{Held, RobustMutex};
use crate::sys::shm::{self, Mapping};

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
    Error::Decode(format!("there is no memory for a value of {len} bytes"))
}

/// Returns the error for values of `bytes` bytes, more than any area can have.
pub(super) fn too_many(bytes: usize) -> Error {
    Error::Config(format!("a queue cannot hold {bytes} bytes"))
}
