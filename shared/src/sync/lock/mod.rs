//! A lock around a value in shared memory.

mod guard;

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytemuck::Pod;
use nix::errno::Errno;
use serde::{Deserialize, Serialize};

pub use guard::LockGuard;

use crate::error::{Error, Result};
use crate::kind::ObjectKind;
use crate::shm::region::{Head, Region};
use crate::sys::mutex::{Held, RobustMutex, is_own};
use crate::sys::words::words;

words! {
    #[derive(Debug)]
    struct LockHead {
        mutex: RobustMutex,
        /// The process that holds the lock, from before it can change the value until after its last change. Whoever takes the lock and
        /// finds it here knows that it did not come to its end. With [`POISONED`] once that is known.
        holder: AtomicU32,
        unused: AtomicU32,
    }
}

/// Beside a pid, which has 22 bits.
const POISONED: u32 = 1 << 31;

impl Head for LockHead {
    const KIND: ObjectKind = ObjectKind::Lock;
}

/// A value that processes and threads share, one at a time.
///
/// The value lies in shared memory, and a handle is sent to other processes as an argument of a
/// task; a clone is the same lock. It is plain data ([`Pod`]: numbers, arrays of them, and structs
/// with `#[derive(Pod)]` of the crate `bytemuck`); where the lock guards something else, such as a
/// file, `Lock<()>` will do.
///
/// A process that is killed while it holds the lock, at whatever instruction, does not take the
/// lock with it. But it may leave the value half changed: the lock is *poisoned* then, and each
/// attempt to take it is [`Error::Poisoned`] until somebody [`recover`](Lock::recover)s it. The
/// same goes for a thread that panics while it holds the lock.
///
/// A handle belongs to the process that has it: in a copy of that process, which was not sent one,
/// its calls fail with [`Error::ForeignProcess`].
///
/// Python's counterpart is `multiprocessing.Lock`; there, a killed holder keeps the lock for ever.
///
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
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent, bound(serialize = "", deserialize = ""))]
pub struct Lock<T: Pod>(Region<LockHead, T>);

impl<T: Pod> Lock<T> {
    /// A lock around `value`, which nobody holds.
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no memory or descriptors left.
    pub fn new(value: T) -> Result<Self> {
        let lock = Self(Region::create(1)?);
        lock.0.mutex.init();
        *lock.lock()? = value;
        Ok(lock)
    }

    /// Takes the lock, and waits for it if somebody holds it. It is given back when the guard is
    /// dropped.
    ///
    /// # Errors
    /// [`Error::Poisoned`] if a former holder died or panicked, and [`Error::Io`] (`EDEADLK`) if
    /// this very thread holds it.
    pub fn lock(&self) -> Result<LockGuard<'_, T>> {
        self.0.check()?;
        self.admit(self.0.mutex.lock().map_err(own)?)
    }

    /// Takes the lock, unless somebody holds it: `None` then. Python's counterpart is
    /// `acquire(block=False)`.
    ///
    /// # Errors
    /// As [`lock`](Lock::lock).
    pub fn try_lock(&self) -> Result<Option<LockGuard<'_, T>>> {
        self.0.check()?;
        self.0.mutex.try_lock().map_err(own)?.map(|held| self.admit(held)).transpose()
    }

    /// As [`lock`](Lock::lock), but waits no longer than `patience`. Python's counterpart is
    /// `acquire(timeout=…)`.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if somebody still holds it then; otherwise as [`lock`](Lock::lock).
    pub fn lock_timeout(&self, patience: Duration) -> Result<LockGuard<'_, T>> {
        let Some(deadline) = Instant::now().checked_add(patience) else { return self.lock() };
        self.0.check()?;
        let held = self.0.mutex.lock_until(deadline).map_err(own)?;
        self.admit(held.ok_or(Error::TimedOut { after: patience, pid: None })?)
    }

    /// Takes the lock, poisoned or not; it is not poisoned any more. The value is as the one who
    /// died has left it: set it right before the guard is dropped.
    ///
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
    ///
    /// # Errors
    /// [`Error::Io`] (`EDEADLK`) if this very thread holds it.
    pub fn recover(&self) -> Result<LockGuard<'_, T>> {
        self.0.check()?;
        Ok(self.guard(self.0.mutex.lock().map_err(own)?))
    }

    /// Whether a holder died or panicked, and nobody has [`recover`](Lock::recover)ed the lock
    /// since.
    pub fn is_poisoned(&self) -> bool {
        if self.0.check().is_err() {
            return false;
        }
        // Nobody told of a holder that died unless we look.
        match self.0.mutex.try_lock() {
            Ok(Some(_held)) => self.0.holder.load(Relaxed) != 0,
            _ => self.0.holder.load(Relaxed) & POISONED != 0,
        }
    }

    /// The lock to the one who holds the mutex, unless the one before did not come to his end.
    fn admit<'a>(&'a self, held: Held<'a>) -> Result<LockGuard<'a, T>> {
        let holder = self.0.holder.load(Relaxed);
        if holder == 0 {
            return Ok(self.guard(held));
        }
        self.0.holder.store(holder | POISONED, Relaxed);
        Err(Error::Poisoned { pid: holder & !POISONED })
    }
}

/// Says what `EDEADLK` means.
fn own(error: Error) -> Error {
    if is_own(&error) { Error::io("this thread holds the lock already", Errno::EDEADLK) } else { error }
}
