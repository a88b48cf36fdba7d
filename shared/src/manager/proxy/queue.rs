//! A queue that a manager holds.

use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::object::Object;
use super::proxy;
use crate::error::{Error, Result};
use crate::manager::protocol::{QueueRequest, Timeout};
use crate::queue::PutError;

/// A queue in a manager's process, for any process to use. Made by
/// [`Manager::queue`](crate::Manager::queue) and
/// [`Manager::bounded_queue`](crate::Manager::bounded_queue).
///
/// A call that waits holds up no other. A process that is killed while it waits leaves nothing
/// behind, and a value that was on its way to it goes back to the front of the queue: it is lost
/// only if the process had it. (By TCP, if a connection breaks at the very moment in which a value
/// arrives, the value may be delivered a second time, to another process.)
///
/// ```
/// use multiproc::{Error, Manager, Process, QueueProxy};
///
/// fn work(numbers: QueueProxy<u64>, squares: QueueProxy<u64>) {
///     while let Ok(n) = numbers.get() {
///         squares.put(n * n).unwrap();
///         numbers.task_done().unwrap();
///     }
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let manager = Manager::new()?;
/// let (numbers, squares) = (manager.queue()?, manager.queue()?);
/// let worker = Process::new(work, (numbers.clone(), squares.clone())).start()?;
/// (1..=3).try_for_each(|n| numbers.put(n))?;
/// numbers.join()?;
/// assert_eq!((squares.get()?, squares.get()?, squares.get()?), (1, 4, 9));
/// assert!(matches!(squares.try_get(), Err(Error::Empty)));
/// numbers.close()?;
/// worker.join()?;
/// # Ok(()) }
/// ```
///
/// All calls fail with [`Error::Disconnected`] once the manager has ended, also those that wait.
///
/// Python's counterpart: what `SyncManager.Queue` and `SyncManager.JoinableQueue` return.
pub struct QueueProxy<T> {
    object: Object,
    elements: PhantomData<fn() -> T>,
}

proxy!(QueueProxy<T> "QueueProxy");

impl<T: Serialize + DeserializeOwned + 'static> QueueProxy<T> {
    /// Puts `value` at the end; waits while a bounded queue is full.
    ///
    /// # Errors
    /// The value is returned with [`Error::Closed`] after [`close`](QueueProxy::close),
    /// [`Error::Encode`], [`Error::TooLarge`], or [`Error::Disconnected`].
    ///
    /// Python's counterpart: `put(value)`.
    pub fn put(&self, value: T) -> Result<(), PutError<T>> {
        self.put_within(value, Timeout::Never)
    }

    /// Puts `value` at the end, without waiting.
    ///
    /// # Errors
    /// [`Error::Full`] if the queue is full; otherwise those of [`put`](QueueProxy::put).
    ///
    /// Python's counterpart: `put_nowait(value)`.
    pub fn try_put(&self, value: T) -> Result<(), PutError<T>> {
        self.put_within(value, Timeout::Zero)
    }

    /// Puts `value` at the end; waits while a bounded queue is full, for at most `timeout`.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if the queue stays full; otherwise those of [`put`](QueueProxy::put).
    ///
    /// Python's counterpart: `put(value, timeout=…)`.
    pub fn put_timeout(&self, value: T, timeout: Duration) -> Result<(), PutError<T>> {
        self.put_within(value, Timeout::After(timeout))
    }

    /// Takes the first value; waits while there is none.
    ///
    /// # Errors
    /// [`Error::Closed`] if the queue was closed and is empty, [`Error::Decode`],
    /// [`Error::Disconnected`].
    ///
    /// Python's counterpart: `get()`.
    pub fn get(&self) -> Result<T> {
        self.get_within(Timeout::Never)
    }

    /// Takes the first value, without waiting.
    ///
    /// # Errors
    /// [`Error::Empty`] if there is none; otherwise those of [`get`](QueueProxy::get).
    ///
    /// Python's counterpart: `get_nowait()`.
    pub fn try_get(&self) -> Result<T> {
        self.get_within(Timeout::Zero)
    }

    /// Takes the first value; waits while there is none, for at most `timeout`.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if the queue stays empty; otherwise those of [`get`](QueueProxy::get).
    ///
    /// Python's counterpart: `get(timeout=…)`.
    pub fn get_timeout(&self, timeout: Duration) -> Result<T> {
        self.get_within(Timeout::After(timeout))
    }

    /// Returns the number of values in the queue now.
    ///
    /// # Errors
    /// [`Error::Disconnected`].
    ///
    /// Python's counterpart: `qsize()`.
    pub fn len(&self) -> Result<usize> {
        self.object.call(QueueRequest::Len)?.count()
    }

    /// Returns whether there is no value now.
    ///
    /// # Errors
    /// Those of [`len`](QueueProxy::len).
    ///
    /// Python's counterpart: `empty()`.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Closes the queue for all processes: it takes no more values, and once it is empty
    /// [`get`](QueueProxy::get) fails with [`Error::Closed`].
    ///
    /// # Errors
    /// Those of [`len`](QueueProxy::len).
    ///
    /// Python's counterpart: `queue.Queue.shutdown`, since Python 3.13.
    pub fn close(&self) -> Result<()> {
        self.object.call(QueueRequest::Close)?.done()
    }

    /// Marks the work on a value that was taken as done, for [`join`](QueueProxy::join).
    ///
    /// # Errors
    /// [`Error::InvalidState`] if it is called more often than values were put,
    /// [`Error::Disconnected`].
    ///
    /// Python's counterpart: `task_done()`.
    pub fn task_done(&self) -> Result<()> {
        self.object.call(QueueRequest::TaskDone)?.done()
    }

    /// Waits until [`task_done`](QueueProxy::task_done) was called for each value that was put.
    ///
    /// # Errors
    /// [`Error::Disconnected`].
    ///
    /// Python's counterpart: `join()`.
    pub fn join(&self) -> Result<()> {
        self.object.call(QueueRequest::Join(Timeout::Never))?.done()
    }

    /// Waits until [`task_done`](QueueProxy::task_done) was called for each value that was put, for
    /// at most `timeout`. Returns whether it was.
    ///
    /// # Errors
    /// Those of [`join`](QueueProxy::join).
    pub fn join_timeout(&self, timeout: Duration) -> Result<bool> {
        match self.object.call(QueueRequest::Join(Timeout::After(timeout))) {
            Err(Error::TimedOut { .. }) => Ok(false),
            outcome => outcome?.done().map(|()| true),
        }
    }

    fn put_within(&self, value: T, timeout: Timeout) -> Result<(), PutError<T>> {
        let answer = self.object.call_with(QueueRequest::Put(timeout), |values| values.value(&value));
        answer.and_then(|answer| answer.done()).map_err(|error| PutError { value, error })
    }

    fn get_within(&self, timeout: Timeout) -> Result<T> {
        let answer = self.object.call_and_confirm(QueueRequest::Get(timeout))?;
        let value = self.object.decode_one(&answer)?;
        value.ok_or_else(|| Error::Decode("the manager sent no value".into()))
    }
}
