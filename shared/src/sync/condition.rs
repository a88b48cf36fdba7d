//! Waiting until a value under a lock is as one wants it.

use std::sync::atomic::{AtomicU32, Ordering::*};
use std::time::{Duration, Instant};

use bytemuck::Pod;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::kind::ObjectKind;
use crate::shm::region::{Head, Region};
use crate::shm::{EventCount, SLICE};
use crate::sync::LockGuard;
use crate::sys::words::words;

words! {
    #[derive(Debug)]
    struct ConditionHead {
        /// Changes with each notification.
        notified: AtomicU32,
        waiters: EventCount,
    }
}

impl Head for ConditionHead {
    const KIND: ObjectKind = ObjectKind::Condition;
}

/// Lets processes wait until the value of a [`Lock`](crate::Lock) is as they want it.
///
/// Whoever changes the value notifies those who wait. A handle is sent to other processes as an
/// argument of a task; a clone is the same condition. A process that is killed while it waits, or
/// before it notifies, costs the others a tenth of a second at most: who waits looks again that
/// often.
///
/// Python's counterpart is `multiprocessing.Condition`, which has its lock built in.
///
/// ```
/// use multiproc::{Condition, Lock, Process};
///
/// fn serve(stock: Lock<u32>, changed: Condition) {
///     for _ in 0..3 {
///         *stock.lock().unwrap() += 1;
///         changed.notify_one();
///     }
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let (stock, changed) = (Lock::new(0)?, Condition::new()?);
/// let server = Process::new(serve, (stock.clone(), changed.clone())).start()?;
/// let stock = changed.wait_while(stock.lock()?, |stock| *stock < 3)?;
/// assert_eq!(*stock, 3);
/// drop(stock);
/// server.join()
/// # }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Condition(Region<ConditionHead>);

impl Condition {
    /// A condition that nobody waits for.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the system has no memory or descriptors left.
    pub fn new() -> Result<Self> {
        Region::create(0).map(Self)
    }

    /// Gives the lock back, waits for a notification, and takes the lock again. No notification
    /// from after the lock was given back is missed.
    ///
    /// It may also return without one, so that what is waited for must be looked at again;
    /// [`wait_while`](Condition::wait_while) does.
    ///
    /// # Errors
    /// As [`Lock::lock`](crate::Lock::lock).
    pub fn wait<'a, T: Pod>(&self, guard: LockGuard<'a, T>) -> Result<LockGuard<'a, T>> {
        self.wait_until(guard, None)
    }

    /// Waits as long as `waits` says so of the value. The lock is held whenever it is asked, and
    /// when this returns. Python's counterpart is `Condition.wait_for`.
    ///
    /// # Errors
    /// As [`Lock::lock`](crate::Lock::lock).
    pub fn wait_while<'a, T: Pod>(
        &self,
        mut guard: LockGuard<'a, T>,
        mut waits: impl FnMut(&mut T) -> bool,
    ) -> Result<LockGuard<'a, T>> {
        while waits(&mut guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// As [`wait_while`](Condition::wait_while), but waits no longer than `patience` for the value.
    /// The answer says whether it came to be as wanted; the lock is held in any case.
    ///
    /// ```
    /// use std::time::Duration;
    /// use multiproc::{Condition, Lock};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let (stock, changed) = (Lock::new(0u32)?, Condition::new()?);
    /// let soon = Duration::from_millis(20);
    /// let (stock, came) = changed.wait_timeout_while(stock.lock()?, soon, |stock| *stock == 0)?;
    /// assert!(!came && *stock == 0);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Lock::lock`](crate::Lock::lock).
    pub fn wait_timeout_while<'a, T: Pod>(
        &self,
        mut guard: LockGuard<'a, T>,
        patience: Duration,
        mut waits: impl FnMut(&mut T) -> bool,
    ) -> Result<(LockGuard<'a, T>, bool)> {
        let deadline = Instant::now().checked_add(patience);
        while waits(&mut guard) {
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok((guard, false));
            }
            guard = self.wait_until(guard, deadline)?;
        }
        Ok((guard, true))
    }

    /// Lets one of those who wait go on. Nothing is remembered if nobody waits: change the value
    /// first.
    pub fn notify_one(&self) {
        self.0.notified.fetch_add(1, Release);
        self.0.waiters.notify_one();
    }

    /// Lets all who wait go on.
    pub fn notify_all(&self) {
        self.0.notified.fetch_add(1, Release);
        self.0.waiters.notify_all();
    }

    fn wait_until<'a, T: Pod>(&self, guard: LockGuard<'a, T>, deadline: Option<Instant>) -> Result<LockGuard<'a, T>> {
        let before = self.0.notified.load(Acquire);
        let lock = guard.release();
        // The one who would notify us may be killed before it does, and the one it notifies before that one
        // passes it on.
        let slice = Instant::now() + SLICE;
        let until = deadline.map_or(slice, |deadline| deadline.min(slice));
        let ready = || (self.0.notified.load(Acquire) != before).then_some(());
        self.0.waiters.wait_until(Some(until), false, ready);
        lock.lock()
    }
}
