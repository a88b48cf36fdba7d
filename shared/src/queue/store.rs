//! What a kind of queue has to do for the shared calls.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::fds::Descriptor;
use crate::kind::ObjectKind;
use crate::queue::control::Control;

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
            (Refusal::TimedOut, Self::Timeout(after)) => Error::TimedOut { after, pid: None },
            (Refusal::TimedOut, _) => at_once,
        }
    }
}
