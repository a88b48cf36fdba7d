//! A lock around a value in shared memory.

use std::sync::atomic::{AtomicU32, Ordering::*, compiler_fence};
use std::time::{Duration, Instant};

use bytemuck::Pod;
use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::kind::ObjectKind;
use crate::shm::region::{Head, Region};
use crate::sync::LockGuard;
use crate::sys::mutex::{Held, RobustMutex, is_own};
use crate::sys::pid::own_pid;
use crate::sys::words::words;

words! {
    #[derive(Debug)]
    pub(super) struct LockHead {
        mutex: RobustMutex,
        /// The process that holds the lock, from before it can change the value until after its
        /// last change. If the next holder finds it here, it was killed meanwhile. With
        /// [`POISONED`] once that was found.
        holder: AtomicU32,
        unused: AtomicU32,
    }
}

/// Beside a pid, which has 22 bits.
const POISONED: u32 = 1 << 31;

impl Head for LockHead {
    const KIND: ObjectKind = ObjectKind::Lock;
}

/// A value in shared memory that one thread of one process at a time can work with: a mutex.
///
/// A handle is sent to other processes as an argument of a task; a clone is the same lock. The
/// value is plain data ([`Pod`]: numbers, arrays of them, and structs with `#[derive(Pod)]` of the
/// crate `bytemuck`); where the lock guards something else, such as a file, `Lock<()>` will do.
///
/// When a process is killed while it holds the lock, at whatever instruction, the lock is released.
/// But the process may have left the value half changed: the lock is *poisoned* then, and each
/// attempt to take it is [`Error::Poisoned`] until it is [recovered](Lock::recover). The same goes
/// for a thread that panics while it holds the lock.
///
/// A handle belongs to the process that has it: in a copy of that process, which was not sent one,
/// its calls fail with [`Error::ForeignProcess`].
///
/// # Examples
/// ```
/// use multiproc::{Executor, Lock, Pool, Result};
///
/// /// Balances of two accounts, whose sum never changes.
/// fn pay(amount: i64, accounts: Lock<[i64; 2]>) -> Result<(), String> {
///     let mut balances = accounts.lock().map_err(|error| error.to_string())?;
///     balances[0] -= amount;
///     balances[1] += amount;
///     Ok(())
/// }
///
/// # fn main() -> Result<()> {
/// let accounts = Lock::new([100, 0])?;
/// let pool = Pool::with_processes(2)?;
/// let payments: Vec<_> = (1..=4i64).map(|amount| (amount, accounts.clone())).collect();
/// assert!(pool.starmap(pay, payments)?.iter().all(|done| done.is_ok()));
/// assert_eq!(*accounts.lock()?, [90, 10]);
/// # Ok(()) }
/// ```
///
/// Python's counterpart: `multiprocessing.Lock`; there, a killed holder keeps the lock for ever.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent, bound(serialize = "", deserialize = ""))]
#[must_use]
#[doc(alias("RLock", "Mutex"))]
pub struct Lock<T: Pod>(pub(super) Region<LockHead, T>);

impl<T: Pod> Lock<T> {
    /// Creates a lock around `value`, which is free.
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no memory or descriptors left.
    pub fn new(value: T) -> Result<Self> {
        let lock = Self(Region::create(1)?);
        lock.0.mutex.init();
        *lock.lock()? = value;
        Ok(lock)
    }

    /// Takes the lock, and waits until it is free. It is released when the guard is dropped.
    ///
    /// # Errors
    /// [`Error::Poisoned`] if a former holder was killed or panicked, and [`Error::Io`] (`EDEADLK`)
    /// if this very thread holds it.
    ///
    /// Python's counterpart: `Lock.acquire`.
    #[doc(alias("acquire"))]
    pub fn lock(&self) -> Result<LockGuard<'_, T>> {
        self.0.check()?;
        self.admit(self.0.mutex.lock().map_err(explain_own)?)
    }

    /// Takes the lock if it is free now; returns `None` if it is held.
    ///
    /// # Errors
    /// As from [`lock`](Lock::lock).
    ///
    /// Python's counterpart: `Lock.acquire(block=False)`.
    pub fn try_lock(&self) -> Result<Option<LockGuard<'_, T>>> {
        self.0.check()?;
        self.0.mutex.try_lock().map_err(explain_own)?.map(|held| self.admit(held)).transpose()
    }

    /// Takes the lock, and waits until it is free for at most `timeout`.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if it is still held then; otherwise as from [`lock`](Lock::lock).
    ///
    /// # Examples
    /// ```
    /// use multiproc::{Error, Lock};
    /// use std::time::Duration;
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let lock = Lock::new(0)?;
    /// let _held = lock.lock()?;
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         let refused = lock.lock_timeout(Duration::from_millis(10));
    ///         assert!(matches!(refused, Err(Error::TimedOut { .. })));
    ///     });
    /// });
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterpart: `Lock.acquire(timeout=…)`.
    pub fn lock_timeout(&self, timeout: Duration) -> Result<LockGuard<'_, T>> {
        let Some(deadline) = Instant::now().checked_add(timeout) else { return self.lock() };
        self.0.check()?;
        let held = self.0.mutex.lock_until(deadline).map_err(explain_own)?;
        self.admit(held.ok_or(Error::timed_out(timeout))?)
    }

    /// Takes the lock, poisoned or not; it is not poisoned any more. The value is as the holder
    /// that was killed or panicked has left it: set it right before the guard is dropped.
    ///
    /// # Errors
    /// [`Error::Io`] (`EDEADLK`) if this very thread holds it.
    ///
    /// # Examples
    /// ```
    /// use multiproc::{Error, Lock};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let lock = Lock::new([1u64, 2, 3])?;
    /// let _ = std::thread::scope(|scope| {
    ///     let half_done = || {
    ///         let mut guard = lock.lock().unwrap();
    ///         guard[0] = 7;
    ///         panic!("in the middle of it");
    ///     };
    ///     scope.spawn(half_done).join()
    /// });
    /// assert!(matches!(lock.lock(), Err(Error::Poisoned { .. })));
    /// *lock.recover()? = [0; 3];
    /// assert_eq!(*lock.lock()?, [0; 3]);
    /// # Ok(()) }
    /// ```
    pub fn recover(&self) -> Result<LockGuard<'_, T>> {
        self.0.check()?;
        Ok(self.guard(self.0.mutex.lock().map_err(explain_own)?))
    }

    /// Returns whether a holder was killed or panicked, and the lock was not
    /// [recovered](Lock::recover) since.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        if self.0.check().is_err() {
            return false;
        }
        // A holder that was killed shows only when the mutex is taken.
        match self.0.mutex.try_lock() {
            Ok(Some(_held)) => self.0.holder.load(Relaxed) != 0,
            _ => self.0.holder.load(Relaxed) & POISONED != 0,
        }
    }

    /// Makes a guard for the holder of the mutex.
    fn guard<'a>(&'a self, held: Held<'a>) -> LockGuard<'a, T> {
        self.0.holder.store(own_pid(), Relaxed);
        // The holder is set before the first change, should the process be killed in between. Only
        // the compiler could change that: a process is killed between two instructions.
        compiler_fence(SeqCst);
        LockGuard::new(self, held)
    }

    /// Records that the holder, which still has the mutex, has made its last change; unless it is
    /// `complete`, the lock is poisoned.
    pub(super) fn end_changes(&self, complete: bool) {
        if complete {
            self.0.holder.store(0, Release);
        } else {
            self.0.holder.fetch_or(POISONED, Release);
        }
    }

    /// Makes a guard for the holder of the mutex, unless the one before was killed or panicked.
    fn admit<'a>(&'a self, held: Held<'a>) -> Result<LockGuard<'a, T>> {
        let holder = self.0.holder.load(Relaxed);
        if holder == 0 {
            return Ok(self.guard(held));
        }
        self.0.holder.store(holder | POISONED, Relaxed);
        Err(Error::Poisoned { pid: holder & !POISONED })
    }
}

/// Explains `EDEADLK`.
fn explain_own(error: Error) -> Error {
    if is_own(&error) { Error::io("this thread holds the lock already", Errno::EDEADLK) } else { error }
}
