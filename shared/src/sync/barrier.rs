//! A point that all must reach before any goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};
use std::time::{Duration, Instant};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::kind::ObjectKind;
use crate::shm::holder::{Holding, has_ended};
use crate::shm::region::{Head, Region};
use crate::shm::slot::{Slot, Taken};
use crate::shm::{EventCount, SLICE};
use crate::sys::mutex::{Held, RobustMutex};
use crate::sys::words::words;

words! {
    #[derive(Debug)]
    struct BarrierHead {
        /// Who changes marks from [`WAITING`] or `broken` holds this.
        mutex: RobustMutex,
        broken: AtomicU32,
        parties: AtomicU32,
        waiters: EventCount,
    }
}

words! {
    /// A place to wait at, who waits there, and a word for one process that has a handle.
    #[derive(Debug)]
    struct Seat {
        place: Slot,
        waiter: AtomicU64,
        holder: AtomicU64,
    }
}

impl Head for BarrierHead {
    const KIND: ObjectKind = ObjectKind::Barrier;
}

/// The most participants that a barrier can have.
const MOST: usize = 1024;

// Each one that waits has taken a place, whose mark is what he waits for: he leaves once it is
// another than WAITING.
const WAITING: u32 = 1;
const PASSED: u32 = 2;
const BROKEN: u32 = 3;

/// A point that a number of processes (or threads) must all reach before any of them goes on; then
/// it starts anew.
///
/// A handle is sent to other processes as an argument of a task; a clone is the same barrier. See
/// to it that as many can run at a time as there are participants: tasks that wait in a pool of
/// fewer workers wait for ever.
///
/// A barrier is *broken* when a participant gives up waiting
/// ([`wait_timeout`](Barrier::wait_timeout)), is killed while it waits, or
/// calls [`abort`](Barrier::abort): who waits then, or comes later, gets [`Error::BrokenBarrier`],
/// until [`reset`](Barrier::reset). It is broken, too, when others wait and a process ends that was
/// sent a handle and has not dropped it; a worker that its pool lets go is none. (Of more processes
/// with a handle than twice the participants, some are not noticed.)
///
/// Python's counterpart is `multiprocessing.Barrier`.
///
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
/// let stages: Vec<_> = (0..3).map(|_| pool.apply_async(stage, (count.clone(), all.clone()))).collect();
/// assert!(stages.into_iter().all(|count| count.get().unwrap() == 3));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Barrier {
    region: Region<BarrierHead, Seat>,
    /// That this process has a handle which came from another.
    holding: Option<Arc<Holding>>,
}

/// What [`Barrier::wait`] says to one of those it has let go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarrierWait {
    index: usize,
    parties: usize,
}

impl BarrierWait {
    /// Its place in the order of arrival: 0 for the first, a different number for each. Python's
    /// `wait` returns such a number.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Whether this one is to do what one of them must do for all: the one that came last.
    pub fn is_leader(&self) -> bool {
        self.index + 1 == self.parties
    }
}

impl Barrier {
    /// A barrier for `parties` participants.
    ///
    /// # Errors
    /// [`Error::Config`] unless there are 1 to 1024 of them; [`Error::Io`] if the system has no
    /// memory or descriptors left.
    pub fn new(parties: usize) -> Result<Self> {
        if !(1..=MOST).contains(&parties) {
            return Err(Error::Config(format!("a barrier has 1 to {MOST} participants, not {parties}")));
        }
        // Those of a round may come while those of the round before are still leaving.
        let region: Region<BarrierHead, Seat> = Region::create(2 * parties)?;
        region.mutex.init();
        region.parties.store(parties as u32, Relaxed);
        region.all_words().for_each(|seat| seat.place.init());
        Ok(Self { region, holding: None })
    }

    /// Waits until all participants wait.
    ///
    /// # Errors
    /// [`Error::BrokenBarrier`] if it is broken, or breaks meanwhile.
    pub fn wait(&self) -> Result<BarrierWait> {
        self.wait_until(None)?.ok_or(Error::BrokenBarrier)
    }

    /// As [`wait`](Barrier::wait), but no longer than `patience`: then the barrier is broken.
    ///
    /// # Errors
    /// [`Error::TimedOut`] for the one whose patience has ended, [`Error::BrokenBarrier`] for all
    /// others.
    pub fn wait_timeout(&self, patience: Duration) -> Result<BarrierWait> {
        let outcome = self.wait_until(Instant::now().checked_add(patience))?;
        outcome.ok_or(Error::TimedOut { after: patience, pid: None })
    }

    /// Breaks the barrier, so that nobody waits for a participant that will not come. Errors as
    /// [`reset`](Barrier::reset).
    pub fn abort(&self) -> Result<()> {
        let _held = self.enter()?;
        self.break_up();
        Ok(())
    }

    /// Makes a broken barrier whole. Who waits at the moment gets [`Error::BrokenBarrier`].
    ///
    /// # Errors
    /// [`Error::Io`] if the system refuses, for which no reason is known.
    pub fn reset(&self) -> Result<()> {
        let _held = self.enter()?;
        self.break_up();
        self.forget_ended();
        self.region.broken.store(0, Release);
        Ok(())
    }

    /// Whether it is broken.
    pub fn is_broken(&self) -> bool {
        self.region.broken.load(Acquire) != 0
    }

    /// How many wait at the moment. Python's counterpart is `Barrier.n_waiting`.
    pub fn waiting(&self) -> usize {
        self.all_waiting().count()
    }

    /// How many participants there are.
    pub fn parties(&self) -> usize {
        self.region.parties.load(Relaxed) as usize
    }

    fn wait_until(&self, deadline: Option<Instant>) -> Result<Option<BarrierWait>> {
        let (index, place) = self.arrive()?;
        let passed = BarrierWait { index, parties: self.parties() };
        let Some(place) = place else { return Ok(Some(passed)) };
        loop {
            let slice = Instant::now() + SLICE;
            let until = deadline.map_or(slice, |deadline| deadline.min(slice));
            let left = || (place.mark() != WAITING).then_some(());
            let over = self.region.waiters.wait_until(Some(until), true, left).is_some();
            if !over {
                // The one who would let us go on, or one who waits with us, may be dead.
                let _held = self.enter()?;
                if self.forget_ended() {
                    self.break_up();
                }
                self.look_for_dead()?;
                if place.mark() == WAITING && deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                    self.break_up();
                    return Ok(None);
                }
            }
            match place.mark() {
                WAITING => {}
                PASSED => return Ok(Some(passed)),
                _ => return Err(Error::BrokenBarrier),
            }
        }
    }

    /// The number of this one, and a place to wait at; none is needed by the last, who lets the
    /// others go on.
    fn arrive(&self) -> Result<(usize, Option<Taken<'_>>)> {
        loop {
            let held = self.enter()?;
            if self.look_for_dead()? {
                return Err(Error::BrokenBarrier);
            }
            let index = self.waiting();
            if index + 1 >= self.parties() {
                self.release(PASSED);
                return Ok((index, None));
            }
            if let Some(place) = self.take_place()? {
                return Ok((index, Some(place)));
            }
            // More threads use the barrier than it has participants, and those of former rounds are still
            // leaving.
            drop(held);
            std::thread::yield_now();
        }
    }

    /// Takes the mutex. One who died with it may have let some go on and others not: that breaks
    /// the barrier.
    fn enter(&self) -> Result<Held<'_>> {
        let held = self.region.mutex.lock()?;
        if held.owner_died {
            self.break_up();
        }
        Ok(held)
    }

    /// Breaks the barrier if somebody has died waiting; says whether it is broken. The caller holds
    /// the mutex.
    fn look_for_dead(&self) -> Result<bool> {
        let mut died = false;
        for seat in self.all_waiting() {
            if seat.place.is_orphaned()? {
                died = true;
                // It may be a while before the process is seen to have ended.
                let waiter = seat.waiter.load(Relaxed);
                self.forget(|holder| holder == waiter);
            }
        }
        if died {
            self.break_up();
        }
        Ok(self.is_broken())
    }

    /// Forgets processes that have ended with a handle; says whether there were any. The caller
    /// holds the mutex.
    fn forget_ended(&self) -> bool {
        self.forget(has_ended)
    }

    fn forget(&self, ended: impl Fn(u64) -> bool) -> bool {
        let mut any = false;
        for seat in self.region.all_words() {
            let holder = seat.holder.load(Acquire);
            if holder != 0 && ended(holder) {
                any |= seat.holder.compare_exchange(holder, 0, AcqRel, Relaxed).is_ok();
            }
        }
        any
    }

    fn take_place(&self) -> Result<Option<Taken<'_>>> {
        let own = self.holding.as_ref().map_or(0, |holding| holding.word());
        for seat in self.region.all_words().filter(|seat| seat.place.mark() != WAITING) {
            if let Some(taken) = seat.place.take(WAITING)? {
                seat.waiter.store(own, Relaxed);
                return Ok(Some(taken));
            }
        }
        Ok(None)
    }

    fn all_waiting(&self) -> impl Iterator<Item = &Seat> {
        self.region.all_words().filter(|seat| seat.place.mark() == WAITING)
    }

    /// The caller holds the mutex.
    fn break_up(&self) {
        self.region.broken.store(1, Release);
        self.release(BROKEN);
    }

    /// Tells all who wait why they wait no longer. The caller holds the mutex.
    fn release(&self, mark: u32) {
        self.all_waiting().for_each(|seat| seat.place.set_mark(mark));
        self.region.waiters.notify_all();
    }
}

impl Serialize for Barrier {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.region.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Barrier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let region: Region<BarrierHead, Seat> = Region::deserialize(deserializer)?;
        let words = (0..region.len()).map(|at| region.offset(at) + std::mem::offset_of!(Seat, holder));
        let holding = Holding::take(region.mapping(), words);
        Ok(Self { region, holding })
    }
}
