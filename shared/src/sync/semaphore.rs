//! So many at a time, and no more.

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::kind::ObjectKind;
use crate::shm::EventCount;
use crate::shm::region::{Head, Region};
use crate::shm::slot::{Slot, Taken};
use crate::sys::words::words;

words! {
    #[derive(Debug)]
    struct SemaphoreHead {
        waiters: EventCount,
    }
}

impl Head for SemaphoreHead {
    const KIND: ObjectKind = ObjectKind::Semaphore;
}

/// The most permits that a semaphore can have.
const MOST: usize = 1024;

/// The mark of a permit that somebody has.
const TAKEN: u32 = 1;

/// Lets so many processes and threads at a time do something, and no more: read a disk, use a
/// licence, hold much memory.
///
/// A handle is sent to other processes as an argument of a task; a clone is the same semaphore. A
/// permit is given back when it is dropped, and also when its holder is killed, within a tenth of a
/// second: a semaphore guards no value that could be left half changed, so nothing is poisoned.
///
/// Python's counterparts are `multiprocessing.Semaphore` and `BoundedSemaphore`; there, a killed
/// holder keeps its permit for ever.
///
/// ```
/// use multiproc::{Executor, Pool, Semaphore, partial};
///
/// fn download(line: &Semaphore, file: u32) -> u32 {
///     let _permit = line.acquire().unwrap(); // at most 2 at a time, however many workers there are
///     file * 10
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let line = Semaphore::new(2)?;
/// let pool = Pool::with_processes(4)?;
/// assert_eq!(pool.map(partial(download, line.clone()), 1..=3u32)?, [10, 20, 30]);
/// assert_eq!(line.available(), 2);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Semaphore(Region<SemaphoreHead, Slot>);

/// Leave to go on, from a [`Semaphore`]. Dropping it gives it back, but not in a copy of the
/// process. It stays on its thread.
#[must_use = "it is given back when dropped"]
pub struct Permit<'a> {
    /// `None` once it is dropped.
    taken: Option<Taken<'a>>,
    semaphore: &'a Semaphore,
}

impl Semaphore {
    /// A semaphore of `permits` permits.
    ///
    /// # Errors
    /// [`Error::Config`] unless there are 1 to 1024 of them; [`Error::Io`] if the system has no
    /// memory or descriptors left.
    pub fn new(permits: usize) -> Result<Self> {
        if !(1..=MOST).contains(&permits) {
            return Err(Error::Config(format!("a semaphore has 1 to {MOST} permits, not {permits}")));
        }
        let semaphore = Self(Region::create(permits)?);
        semaphore.0.all_words().for_each(Slot::init);
        Ok(semaphore)
    }

    /// Takes a permit, and waits for one if there is none. A thread that waits while it has all of
    /// them itself waits for ever.
    ///
    /// # Errors
    /// [`Error::Io`] if the system refuses, for which no reason is known.
    pub fn acquire(&self) -> Result<Permit<'_>> {
        self.acquire_until(None)?.ok_or(Error::Empty)
    }

    /// Takes a permit, if there is one now. Python's counterpart is `acquire(block=False)`. Errors
    /// as [`acquire`](Semaphore::acquire).
    pub fn try_acquire(&self) -> Result<Option<Permit<'_>>> {
        // A free one first: whether a holder has died takes a look at each.
        for look_closer in [false, true] {
            for place in self.0.all_words().filter(|place| look_closer || place.mark() == 0) {
                if let Some(taken) = place.take(TAKEN)? {
                    return Ok(Some(Permit { taken: Some(taken), semaphore: self }));
                }
            }
        }
        Ok(None)
    }

    /// As [`acquire`](Semaphore::acquire), but waits no longer than `patience`.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if there is no permit by then; otherwise as
    /// [`acquire`](Semaphore::acquire).
    pub fn acquire_timeout(&self, patience: Duration) -> Result<Permit<'_>> {
        let permit = self.acquire_until(Instant::now().checked_add(patience))?;
        permit.ok_or(Error::TimedOut { after: patience, pid: None })
    }

    /// How many permits could be taken now; others may take them in the meantime.
    pub fn available(&self) -> usize {
        self.0.all_words().filter(|place| place.mark() == 0 || place.is_orphaned().unwrap_or(false)).count()
    }

    fn acquire_until(&self, deadline: Option<Instant>) -> Result<Option<Permit<'_>>> {
        self.0.waiters.wait_until(deadline, false, || self.try_acquire().transpose()).transpose()
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.taken.take().is_some_and(|taken| !taken.is_here()) {
            return;
        }
        self.semaphore.0.waiters.notify_one();
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}
