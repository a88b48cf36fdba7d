//! Waiting for a change of a value under a lock.

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

/// A condition variable: processes wait until the value of a [`Lock`](crate::Lock) fulfils a
/// condition.
///
/// A process that changes the value notifies those that wait. A handle is sent to other processes
/// as an argument of a task; a clone is the same condition. A process that is killed while it
/// waits, or before it notifies, costs the others a tenth of a second at most: a waiter looks again
/// that often.
///
/// # Examples
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
///
/// Python's counterpart: `multiprocessing.Condition`, which has its lock built in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
#[must_use]
pub struct Condition(Region<ConditionHead>);

impl Condition {
    /// Creates a condition.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the system has no memory or descriptors left.
    pub fn new() -> Result<Self> {
        Region::create(0).map(Self)
    }

    /// Releases the lock, waits for a notification, and takes the lock again. No notification from
    /// after the release is missed.
    ///
    /// It may also return without a notification, so that the caller must look at the value again;
    /// [`wait_while`](Condition::wait_while) does.
    ///
    /// # Errors
    /// As from [`Lock::lock`](crate::Lock::lock).
    ///
    /// Python's counterpart: `Condition.wait`.
    pub fn wait<'a, T: Pod>(&self, guard: LockGuard<'a, T>) -> Result<LockGuard<'a, T>> {
        self.wait_until(guard, None)
    }

    /// Waits while `condition` returns `true` for the value. The lock is held whenever it is
    /// called, and when this returns.
    ///
    /// # Errors
    /// As from [`Lock::lock`](crate::Lock::lock).
    ///
    /// Python's counterpart: `Condition.wait_for`, which waits until its condition is true.
    #[doc(alias("wait_for"))]
    pub fn wait_while<'a, T: Pod>(
        &self,
        mut guard: LockGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> Result<LockGuard<'a, T>> {
        while condition(&mut guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// Waits while `condition` returns `true` for the value, for at most `timeout`. The `bool` is
    /// `false` if that is still so when the timeout is over; the lock is held in any case.
    ///
    /// # Errors
    /// As from [`Lock::lock`](crate::Lock::lock).
    ///
    /// # Examples
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
    /// Python's counterpart: `Condition.wait_for` with `timeout`.
    pub fn wait_timeout_while<'a, T: Pod>(
        &self,
        mut guard: LockGuard<'a, T>,
        timeout: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> Result<(LockGuard<'a, T>, bool)> {
        let deadline = Instant::now().checked_add(timeout);
        while condition(&mut guard) {
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok((guard, false));
            }
            guard = self.wait_until(guard, deadline)?;
        }
        Ok((guard, true))
    }

    /// Lets one call that waits go on. A notification is not stored for a later call: change the
    /// value first.
    ///
    /// Python's counterpart: `Condition.notify`.
    #[doc(alias("notify"))]
    pub fn notify_one(&self) {
        self.0.notified.fetch_add(1, Release);
        self.0.waiters.notify_one();
    }

    /// Lets all calls that wait go on.
    ///
    /// Python's counterpart: `Condition.notify_all`.
    pub fn notify_all(&self) {
        self.0.notified.fetch_add(1, Release);
        self.0.waiters.notify_all();
    }

    fn wait_until<'a, T: Pod>(&self, guard: LockGuard<'a, T>, deadline: Option<Instant>) -> Result<LockGuard<'a, T>> {
        let before = self.0.notified.load(Acquire);
        let lock = guard.release();
        // A process may be killed before it notifies, and the waiter that it notifies before that
        // one passes it on.
        let slice = Instant::now() + SLICE;
        let until = deadline.map_or(slice, |deadline| deadline.min(slice));
        let ready = || (self.0.notified.load(Acquire) != before).then_some(());
        self.0.waiters.wait_until(Some(until), false, ready);
        lock.lock()
    }
}
