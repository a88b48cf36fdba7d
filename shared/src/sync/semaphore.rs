//! A limit to how many go on at a time.

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::kind::ObjectKind;
use crate::shm::EventCount;
use crate::shm::holders::{Slot, SlotGuard};
use crate::shm::region::{Head, Region};
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

/// The number of permits that a semaphore can have.
const MAX_PERMITS: usize = 1024;

/// The mark of a permit that is taken.
const TAKEN: u32 = 1;

/// A number of permits, which limits how many processes and threads do something at a time: read a
/// disk, use a licence, hold much memory.
///
/// A handle is sent to other processes as an argument of a task; a clone is the same semaphore. A
/// permit is released when it is dropped, and also when its holder is killed, within a tenth of a
/// second: a semaphore guards no value that could be left half changed, so nothing is poisoned.
///
/// # Examples
/// ```
/// use multiproc::{Executor, Pool, Semaphore, partial};
///
/// fn download(line: &Semaphore, file: u32) -> u32 {
///     let _permit = line.acquire().unwrap(); // at most 2 at a time, of all workers
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
///
/// Python's counterpart: `multiprocessing.Semaphore` and `BoundedSemaphore`; there, a killed holder
/// keeps its permit for ever.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
#[must_use]
#[doc(alias("BoundedSemaphore"))]
pub struct Semaphore(Region<SemaphoreHead, Slot>);

/// A permit of a [`Semaphore`]. Dropping it releases it, but not in a copy of the process. It stays
/// on its thread.
#[must_use = "the permit is released when it is dropped"]
pub struct Permit<'a> {
    /// `None` once it is dropped.
    slot: Option<SlotGuard<'a>>,
    semaphore: &'a Semaphore,
}

impl Semaphore {
    /// Creates a semaphore of `permits` permits.
    ///
    /// # Errors
    /// [`Error::Config`] unless there are 1 to 1024 of them; [`Error::Io`] if the system has no
    /// memory or descriptors left.
    pub fn new(permits: usize) -> Result<Self> {
        if !(1..=MAX_PERMITS).contains(&permits) {
            return Err(Error::Config(format!("a semaphore has 1 to {MAX_PERMITS} permits, not {permits}")));
        }
        let semaphore = Self(Region::create(permits)?);
        semaphore.0.all_words().for_each(Slot::init);
        Ok(semaphore)
    }

    /// Takes a permit, and waits until there is one. A thread that waits while it has all of them
    /// itself waits for ever.
    ///
    /// # Errors
    /// [`Error::Io`] if the system refuses, for which no reason is known.
    ///
    /// Python's counterpart: `Semaphore.acquire`.
    pub fn acquire(&self) -> Result<Permit<'_>> {
        self.acquire_until(None)?.ok_or(Error::Empty)
    }

    /// Takes a permit if there is one now.
    ///
    /// # Errors
    /// As from [`acquire`](Semaphore::acquire).
    ///
    /// # Examples
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let line = multiproc::Semaphore::new(1)?;
    /// let permit = line.try_acquire()?;
    /// assert!(permit.is_some() && line.try_acquire()?.is_none());
    /// drop(permit);
    /// assert!(line.try_acquire()?.is_some());
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterpart: `Semaphore.acquire(block=False)`.
    pub fn try_acquire(&self) -> Result<Option<Permit<'_>>> {
        // A free one first: to find one whose holder was killed takes a look at each.
        for look_closer in [false, true] {
            for slot in self.0.all_words().filter(|slot| look_closer || slot.mark() == 0) {
                if let Some(guard) = slot.try_take(TAKEN)? {
                    return Ok(Some(Permit { slot: Some(guard), semaphore: self }));
                }
            }
        }
        Ok(None)
    }

    /// Takes a permit, and waits for one for at most `timeout`.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if there is no permit by then; otherwise as from
    /// [`acquire`](Semaphore::acquire).
    ///
    /// Python's counterpart: `Semaphore.acquire(timeout=…)`.
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<Permit<'_>> {
        let permit = self.acquire_until(Instant::now().checked_add(timeout))?;
        permit.ok_or(Error::timed_out(timeout))
    }

    /// Returns the number of permits that could be taken now. Other threads and processes may take
    /// them in the meantime.
    ///
    /// Python's counterpart: `Semaphore.get_value`.
    #[must_use]
    #[doc(alias("get_value"))]
    pub fn available(&self) -> usize {
        self.0.all_words().filter(|slot| slot.mark() == 0 || slot.is_orphaned().unwrap_or(false)).count()
    }

    fn acquire_until(&self, deadline: Option<Instant>) -> Result<Option<Permit<'_>>> {
        self.0.waiters.wait_until(deadline, false, || self.try_acquire().transpose()).transpose()
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.slot.take().is_some_and(|slot| !slot.is_here()) {
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
