//! A queue that a manager holds.

use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::object::Object;
use super::proxy;
use crate::error::{Error, Result};
use crate::manager::protocol::{Patience, QueueRequest, Request};
use crate::queue::PutError;

/// A queue in a manager's process, for any process to use. Made by
/// [`Manager::queue`](crate::Manager::queue) and
/// [`Manager::bounded_queue`](crate::Manager::bounded_queue).
///
/// Those who wait do so without holding up others. A process that is killed while it waits leaves
/// nothing behind, and a value that was on its way to it goes back to the front of the queue: it is
/// lost only if the process had it. (By TCP, a connection that breaks at the very moment in which a
/// value arrives may have it delivered a second time, to somebody else.)
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
/// All calls fail with [`Error::Disconnected`] once the manager has ended, those that wait too.
///
/// Python's counterpart is what `SyncManager.Queue` and `SyncManager.JoinableQueue` return.
pub struct QueueProxy<T> {
    pub(super) object: Object,
    pub(super) elements: PhantomData<fn() -> T>,
}

proxy!(QueueProxy<T> "QueueProxy");

impl<T: Serialize + DeserializeOwned + 'static> QueueProxy<T> {
    /// Puts `value` at the end; waits while a bounded queue is full. Python: `put(value)`.
    ///
    /// # Errors
    /// The value comes back with [`Error::Closed`] after [`close`](QueueProxy::close),
    /// [`Error::Encode`], [`Error::TooLarge`], or [`Error::Disconnected`].
    pub fn put(&self, value: T) -> Result<(), PutError<T>> {
        self.put_within(value, Patience::Endless)
    }

    /// As [`put`](QueueProxy::put), but a full queue is [`Error::Full`]. Python:
    /// `put_nowait(value)`.
    pub fn try_put(&self, value: T) -> Result<(), PutError<T>> {
        self.put_within(value, Patience::None)
    }

    /// As [`put`](QueueProxy::put), but a queue that stays full so long is [`Error::TimedOut`].
    /// Python: `put(value, timeout=…)`.
    pub fn put_timeout(&self, value: T, patience: Duration) -> Result<(), PutError<T>> {
        self.put_within(value, Patience::AtMost(patience))
    }

    /// Takes the first value; waits while there is none. Python: `get()`.
    ///
    /// # Errors
    /// [`Error::Closed`] if the queue was closed and is empty, [`Error::Decode`],
    /// [`Error::Disconnected`].
    pub fn get(&self) -> Result<T> {
        self.get_within(Patience::Endless)
    }

    /// As [`get`](QueueProxy::get), but an empty queue is [`Error::Empty`]. Python: `get_nowait()`.
    pub fn try_get(&self) -> Result<T> {
        self.get_within(Patience::None)
    }

    /// As [`get`](QueueProxy::get), but a queue that stays empty so long is [`Error::TimedOut`].
    /// Python: `get(timeout=…)`.
    pub fn get_timeout(&self, patience: Duration) -> Result<T> {
        self.get_within(Patience::AtMost(patience))
    }

    /// The number of values in the queue now. Python: `qsize()`.
    ///
    /// # Errors
    /// [`Error::Disconnected`].
    pub fn len(&self) -> Result<usize> {
        self.object.call(self.request(QueueRequest::Len))?.count()
    }

    /// Whether there is no value now. Python: `empty()`. Errors as [`len`](QueueProxy::len).
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Closes the queue for everybody: it takes no more values, and those who get are told when
    /// there are none left. Python: `shutdown()` of Python 3.13's `queue.Queue`. Errors as
    /// [`len`](QueueProxy::len).
    pub fn close(&self) -> Result<()> {
        self.object.call(self.request(QueueRequest::Close))?.done()
    }

    /// Says that the work on a value that was got is done, for [`join`](QueueProxy::join). Python:
    /// `task_done()`.
    ///
    /// # Errors
    /// [`Error::Config`] if it is said more often than values were put, [`Error::Disconnected`].
    pub fn task_done(&self) -> Result<()> {
        self.object.call(self.request(QueueRequest::TaskDone))?.done()
    }

    /// Waits until [`task_done`](QueueProxy::task_done) was said for each value that was put.
    /// Python: `join()`.
    ///
    /// # Errors
    /// [`Error::Disconnected`].
    pub fn join(&self) -> Result<()> {
        self.object.call(self.request(QueueRequest::Join(Patience::Endless)))?.done()
    }

    /// As [`join`](QueueProxy::join), but waits no longer than `patience`; says whether all is
    /// done.
    pub fn join_timeout(&self, patience: Duration) -> Result<bool> {
        match self.object.call(self.request(QueueRequest::Join(Patience::AtMost(patience)))) {
            Err(Error::TimedOut { .. }) => Ok(false),
            outcome => outcome?.done().map(|()| true),
        }
    }

    fn put_within(&self, value: T, patience: Patience) -> Result<(), PutError<T>> {
        let request = self.request(QueueRequest::Put(patience));
        let put = self.object.call_with(request, |message| message.put(&value)).and_then(|answer| answer.done());
        put.map_err(|error| PutError { value, error })
    }

    fn get_within(&self, patience: Patience) -> Result<T> {
        let answer = self.object.link.call_and_confirm(&self.request(QueueRequest::Get(patience)))?;
        let value = self.object.decode_one(&answer)?;
        value.ok_or_else(|| Error::Decode("the manager sent no value".into()))
    }

    fn request(&self, request: QueueRequest) -> Request {
        Request::Queue(self.object.number, request)
    }
}
