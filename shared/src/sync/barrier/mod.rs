//! A point that all participants must reach before any goes on.

mod participants;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::shm::SLICE;
use crate::shm::holders::{Registration, SlotGuard};
use crate::sync::barrier::participants::{Participants, Wait, outcome};

/// The number of participants that a barrier can have.
const MAX_PARTIES: usize = 1024;

/// A point that a number of processes (or threads) must all reach before any of them goes on; then
/// it starts anew.
///
/// A handle is sent to other processes as an argument of a task; a clone is the same barrier. Make
/// sure that as many tasks can run at a time as there are participants: tasks that wait in a pool
/// of fewer workers wait for ever.
///
/// A barrier is *broken* when a participant's [timeout](Barrier::wait_timeout) is over, when a
/// participant is killed while it waits, or by [`abort`](Barrier::abort). Participants that wait
/// then, or come later, get [`Error::BrokenBarrier`], until [`reset`](Barrier::reset). It is
/// broken, too, when others wait and a process ends that was sent a handle and has not dropped it,
/// unless it is a worker that its pool retires. (Of more processes with a handle than twice the
/// participants, some are not noticed.)
///
/// # Examples
/// ```
/// use multiproc::{Barrier, Executor, Pool, Value};
///
/// fn stage(count: Value<u32>, all: Barrier) -> u32 {
///     count.update(|count| *count += 1).unwrap(); // stage 1
///     all.wait().unwrap();
///     count.get().unwrap() // stage 2: all have been through stage 1
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let (count, all) = (Value::new(0u32)?, Barrier::new(3)?);
/// let pool = Pool::with_processes(3)?;
/// let start = |_| pool.apply_async(stage, (count.clone(), all.clone()));
/// let stages: Vec<_> = (0..3).map(start).collect();
/// assert!(stages.into_iter().all(|count| count.get().unwrap() == 3));
/// # Ok(()) }
/// ```
///
/// Python's counterpart: `multiprocessing.Barrier`.
#[derive(Debug, Clone)]
#[must_use]
pub struct Barrier {
    participants: Participants,
    /// Set if the handle came from another process.
    registration: Option<Arc<Registration>>,
}

/// What [`Barrier::wait`] returns to each participant that it lets go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarrierWait {
    index: usize,
    parties: usize,
}

impl BarrierWait {
    /// Returns the participant's index in the order of arrival: 0 for the first, a different number
    /// for each.
    ///
    /// Python's counterpart: what `Barrier.wait` returns.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Returns `true` for one of the participants: the last one, which can do what must be done
    /// once for all.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.index + 1 == self.parties
    }
}

impl Barrier {
    /// Creates a barrier for `parties` participants.
    ///
    /// # Errors
    /// [`Error::Config`] unless there are 1 to 1024 of them; [`Error::Io`] if the system has no
    /// memory or descriptors left.
    pub fn new(parties: usize) -> Result<Self> {
        if !(1..=MAX_PARTIES).contains(&parties) {
            return Err(Error::Config(format!("a barrier has 1 to {MAX_PARTIES} participants, not {parties}")));
        }
        Ok(Self { participants: Participants::create(parties)?, registration: None })
    }

    /// Waits until all participants wait.
    ///
    /// # Errors
    /// [`Error::BrokenBarrier`] if the barrier is broken, or breaks meanwhile.
    ///
    /// Python's counterpart: `Barrier.wait`.
    pub fn wait(&self) -> Result<BarrierWait> {
        self.wait_until(None)?.ok_or(Error::BrokenBarrier)
    }

    /// Waits until all participants wait, for at most `timeout`. Breaks the barrier when the
    /// timeout is over.
    ///
    /// # Errors
    /// [`Error::TimedOut`] for the participant whose timeout is over, [`Error::BrokenBarrier`] for
    /// all others.
    ///
    /// # Examples
    /// ```
    /// use multiproc::{Barrier, Error};
    /// use std::time::Duration;
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let both = Barrier::new(2)?;
    /// let alone = both.wait_timeout(Duration::from_millis(10));
    /// assert!(matches!(alone, Err(Error::TimedOut { .. })));
    /// assert!(both.is_broken());
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterpart: `Barrier.wait` with `timeout`.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<BarrierWait> {
        let outcome = self.wait_until(Instant::now().checked_add(timeout))?;
        outcome.ok_or(Error::timed_out(timeout))
    }

    /// Breaks the barrier, so that no participant waits for one that will not come.
    ///
    /// # Errors
    /// As from [`reset`](Barrier::reset).
    ///
    /// Python's counterpart: `Barrier.abort`.
    pub fn abort(&self) -> Result<()> {
        self.participants.lock()?.break_barrier();
        Ok(())
    }

    /// Makes a broken barrier whole. Participants that wait at the moment get
    /// [`Error::BrokenBarrier`].
    ///
    /// # Errors
    /// [`Error::Io`] if the system refuses, for which no reason is known.
    ///
    /// Python's counterpart: `Barrier.reset`.
    pub fn reset(&self) -> Result<()> {
        self.participants.lock()?.reset();
        Ok(())
    }

    /// Returns whether the barrier is broken.
    ///
    /// Python's counterpart: `Barrier.broken`.
    #[must_use]
    #[doc(alias("broken"))]
    pub fn is_broken(&self) -> bool {
        self.participants.is_broken()
    }

    /// Returns the number of participants that wait at the moment.
    ///
    /// Python's counterpart: `Barrier.n_waiting`.
    #[must_use]
    #[doc(alias("n_waiting"))]
    pub fn waiting(&self) -> usize {
        self.participants.waiting()
    }

    /// Returns the number of participants that the barrier was created for.
    ///
    /// Python's counterpart: `Barrier.parties`.
    #[must_use]
    pub fn parties(&self) -> usize {
        self.participants.parties()
    }

    fn wait_until(&self, deadline: Option<Instant>) -> Result<Option<BarrierWait>> {
        let (index, slot) = self.arrive()?;
        let passed = BarrierWait { index, parties: self.parties() };
        let Some(slot) = slot else { return Ok(Some(passed)) };
        loop {
            let slice = Instant::now() + SLICE;
            let mut wait = self.participants.wait(&slot, deadline.map_or(slice, |deadline| deadline.min(slice)));
            if let Wait::On = wait {
                // The participant that would let this one go on, or one that waits too, may be
                // killed.
                let locked = self.participants.lock()?;
                locked.check_registered();
                locked.check_waiting()?;
                wait = outcome(&slot);
                if matches!(wait, Wait::On) && deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                    locked.break_barrier();
                    return Ok(None);
                }
            }
            match wait {
                Wait::On => {}
                Wait::Passed => return Ok(Some(passed)),
                Wait::Broken => return Err(Error::BrokenBarrier),
            }
        }
    }

    /// Returns the number of this participant, and a slot to wait at. The last one needs none: it
    /// lets the others go on.
    fn arrive(&self) -> Result<(usize, Option<SlotGuard<'_>>)> {
        let process = self.registration.as_ref().map_or(0, |registration| registration.process());
        loop {
            let locked = self.participants.lock()?;
            if locked.check_waiting()? {
                return Err(Error::BrokenBarrier);
            }
            let index = self.waiting();
            if index + 1 >= self.parties() {
                locked.pass();
                return Ok((index, None));
            }
            if let Some(slot) = locked.take_slot(process)? {
                return Ok((index, Some(slot)));
            }
            // More threads use the barrier than it has participants, and those of former rounds are
            // still leaving.
            drop(locked);
            std::thread::yield_now();
        }
    }
}

impl Serialize for Barrier {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.participants.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Barrier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let participants = Participants::deserialize(deserializer)?;
        let registration = participants.register();
        Ok(Self { participants, registration })
    }
}
