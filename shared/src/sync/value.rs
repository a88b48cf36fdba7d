//! A value in shared memory that takes care of its lock.

use bytemuck::Pod;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::sync::Lock;

/// A value that processes share: a counter, a best result so far, a position.
///
/// It is plain data ([`Pod`]), in shared memory, under a [`Lock`] that each call takes for itself.
/// A handle is sent to other processes as an argument of a task; a clone is the same value.
///
/// **[`get`](Value::get) and [`set`](Value::set) are two critical sections.** Another process may
/// have its own in between, so that `v.set(v.get()? + 1)?` in two processes loses updates: both
/// read 5, both write 6. [`update`](Value::update) is one critical section, and loses nothing.
///
/// # Examples
/// ```
/// use multiproc::{Executor, Pool, Value, partial};
///
/// fn count(total: &Value<u64>, word: String) {
///     total.update(|total| *total += word.len() as u64).unwrap();
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let total = Value::new(0u64)?;
/// let pool = Pool::with_processes(2)?;
/// pool.map(partial(count, total.clone()), ["to", "be", "or", "not"].map(String::from))?;
/// assert_eq!(total.get()?, 9);
/// # Ok(()) }
/// ```
///
/// Python's counterpart: `multiprocessing.Value`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent, bound(serialize = "", deserialize = ""))]
#[must_use]
#[doc(alias("RawValue", "Synchronized"))]
pub struct Value<T: Pod>(Lock<T>);

impl<T: Pod> Value<T> {
    /// Creates a shared value that is `value` at first.
    ///
    /// # Errors
    /// As from [`Lock::new`].
    pub fn new(value: T) -> Result<Self> {
        Lock::new(value).map(Self)
    }

    /// Returns the value as it is now.
    ///
    /// # Errors
    /// [`Error::Poisoned`](crate::Error::Poisoned) if a process was killed, or a closure panicked,
    /// in the middle of a change; `Io` (`EDEADLK`) within [`update`](Value::update) of the same
    /// value.
    pub fn get(&self) -> Result<T> {
        self.0.lock().map(|value| *value)
    }

    /// Sets the value to `value`. To change it by what it is, use [`update`](Value::update).
    ///
    /// # Errors
    /// As from [`get`](Value::get).
    pub fn set(&self, value: T) -> Result<()> {
        self.update(|shared| *shared = value)
    }

    /// Changes the value by `change`, while no other thread or process reads or changes it. Returns
    /// what `change` returns.
    ///
    /// # Errors
    /// As from [`get`](Value::get).
    ///
    /// # Panics
    /// If `change` does: the value is poisoned then.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let best = multiproc::Value::new(f64::INFINITY)?;
    /// let improved = best.update(|best| std::mem::replace(best, best.min(3.5)) > 3.5)?;
    /// assert!(improved && best.get()? == 3.5);
    /// # Ok(()) }
    /// ```
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R> {
        self.0.lock().map(|mut value| change(&mut value))
    }

    /// Makes the value usable again after [`Error::Poisoned`](crate::Error::Poisoned). `repair`
    /// gets what the process that was killed, or the closure that panicked, has left, perhaps half
    /// a change, and sets it right before any other thread or process can read it. Returns what
    /// `repair` returns.
    ///
    /// # Errors
    /// As from [`Lock::recover`].
    ///
    /// # Panics
    /// If `repair` does: the value is poisoned then.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let range = multiproc::Value::new([3u32, 7])?; // the end is never before the start
    /// range.recover(|[start, end]| *end = (*end).max(*start))?;
    /// assert_eq!(range.get()?, [3, 7]);
    /// # Ok(()) }
    /// ```
    pub fn recover<R>(&self, repair: impl FnOnce(&mut T) -> R) -> Result<R> {
        self.0.recover().map(|mut value| repair(&mut value))
    }
}
