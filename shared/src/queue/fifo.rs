//! The typed queue.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::codec::{self, Source};
use crate::error::{Error, Result};
use crate::fds::{self, Descriptor};
use crate::kind::ObjectKind;
use crate::queue::common::{Core, Store};
use crate::queue::ring::Ring;
use crate::queue::scratch::with_buffer;
use crate::queue::{PutError, encode, presence};

/// A first-in, first-out queue that any number of processes put values into and take values from.
///
/// It is cheap to clone, and goes to other processes as an argument (or part of one) of a task. All
/// handles mean the same queue. It lives in shared memory without a name, which goes away with the
/// last handle.
///
/// A process that is killed in the middle of any call leaves the others working, with all that was
/// put before: it has put its value or it has not, taken one or not.
///
/// To end, [`close`](Queue::close) it: those who take get what is left, and then [`Error::Closed`].
/// Beyond that, [`get`](Queue::get) says [`Error::Disconnected`] instead of waiting for ever when
/// this process holds the last handle, others had theirs and are gone, and nothing was put by this
/// process. It cannot know more: with two processes waiting, either might yet put something.
/// Another thread of this process that has the queue by reference counts for ten seconds after it
/// was started, and after it last gave a handle to a process; one that has a clone counts while it
/// has it. In the same way, [`put`](Queue::put) into a full queue is an error when nobody is left
/// who could take something, and this process never did.
///
/// Values may have up to 16 GiB ([`with_max_message`](Queue::with_max_message)); those that hold
/// handles cannot go through a queue.
///
/// Python's counterparts are `multiprocessing.Queue`, `JoinableQueue` and `SimpleQueue`. There a
/// thread writes behind the caller's back, so that what was put can be lost with its process, and a
/// process cannot end before it is written.
///
/// ```
/// use multiproc::{Process, Queue};
///
/// fn produce(queue: Queue<u32>) {
///     for n in 0..3 {
///         queue.put(n).unwrap();
///     }
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let queue = Queue::new()?;
/// let producer = Process::new(produce, (queue.clone(),)).start()?;
/// producer.join()?;
/// queue.close()?;
/// let values = queue.iter().collect::<multiproc::Result<Vec<u32>>>()?;
/// assert_eq!(values, [0, 1, 2]);
/// # Ok(()) }
/// ```
pub struct Queue<T> {
    pub(super) core: Arc<Core<Ring>>,
    values: PhantomData<fn(T) -> T>,
}

impl<T> Queue<T> {
    /// A queue that holds any number of values.
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no memory or descriptors left.
    pub fn new() -> Result<Self> {
        Self::create(0)
    }

    /// A queue that holds up to `capacity` values: [`put`](Queue::put) waits for room. Python's
    /// counterpart is `Queue(maxsize)`.
    ///
    /// # Errors
    /// [`Error::Config`] if `capacity` is 0; otherwise as [`new`](Queue::new).
    pub fn bounded(capacity: usize) -> Result<Self> {
        match capacity {
            0 => Err(Error::Config(
                "a queue for 0 values could never hold one; use `Queue::new` for one without bounds".into(),
            )),
            capacity => Self::create(capacity as u64),
        }
    }

    fn create(capacity: u64) -> Result<Self> {
        let fd = Ring::create(capacity)?;
        presence::join(&fd)?;
        Self::open(Arc::new(Descriptor::new(fd)))
    }

    fn open(fd: Arc<Descriptor>) -> Result<Self> {
        Ok(Self { core: Core::new(Ring::open(fd)?), values: PhantomData })
    }

    /// Sets how many bytes a value may have, for all handles of this queue; 16 GiB if not set.
    #[must_use]
    pub fn with_max_message(self, bytes: u64) -> Self {
        self.core.store.common().max_message.store(bytes, Relaxed);
        self
    }

    /// How many values are in it. It may be another number by the time you look at it, if others
    /// put or take. Python's counterpart is `Queue.qsize`.
    pub fn len(&self) -> usize {
        self.core.store.header().len() as usize
    }

    /// Whether it is empty now; see [`len`](Queue::len). To take all there is, call
    /// [`try_get`](Queue::try_get) until it says [`Error::Empty`]. Python's counterpart is
    /// `Queue.empty`.
    pub fn is_empty(&self) -> bool {
        self.core.store.is_empty()
    }

    /// How many values it holds at most, if there is a bound.
    pub fn capacity(&self) -> Option<usize> {
        match self.core.store.common().capacity.load(Relaxed) {
            0 => None,
            capacity => Some(capacity as usize),
        }
    }

    /// From now on nothing can be put, by nobody; what is there can be taken. Everybody who waits
    /// is told. Closing it twice is no error.
    ///
    /// # Errors
    /// [`Error::Io`] if the queue's lock cannot be used.
    pub fn close(&self) -> Result<()> {
        self.core.store.close()
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.core.store.common().is_closed()
    }

    /// Says that a value which was taken is dealt with; see [`join`](Queue::join). Python's
    /// counterpart is `JoinableQueue.task_done`.
    ///
    /// # Errors
    /// [`Error::InvalidState`] if it is called more often than values were put.
    pub fn task_done(&self) -> Result<()> {
        self.core.task_done()
    }

    /// Waits until every value that was put is [dealt with](Queue::task_done). If a process dies
    /// between taking a value and saying so, that never comes: see
    /// [`join_timeout`](Queue::join_timeout). Python's counterpart is `JoinableQueue.join`.
    pub fn join(&self) {
        self.core.wait_done(None);
    }

    /// As [`join`](Queue::join), but waits no longer than `patience`; says whether everything is
    /// dealt with.
    pub fn join_timeout(&self, patience: Duration) -> bool {
        self.core.wait_done(Instant::now().checked_add(patience))
    }
}

impl<T: Serialize + 'static> Queue<T> {
    /// Puts a value behind the others. Waits while a [bounded](Queue::bounded) queue is full. Once
    /// it returns, the value is there, whatever becomes of this process.
    ///
    /// Python's counterpart is `Queue.put`.
    ///
    /// # Errors
    /// The value comes back with [`Error::Closed`], [`Error::TooLarge`], [`Error::Encode`],
    /// [`Error::Disconnected`] if the queue is full and nobody is left who could take something
    /// (see [`Queue`]), or [`Error::Io`] if the system has no more memory for it.
    pub fn put(&self, value: T) -> Result<(), PutError<T>> {
        self.put_until(value, None, Error::Full)
    }

    /// Puts a value if there is room now. Python's counterpart is `Queue.put_nowait`.
    ///
    /// # Errors
    /// The value comes back with [`Error::Full`], or as with [`put`](Queue::put).
    pub fn try_put(&self, value: T) -> Result<(), PutError<T>> {
        self.put_until(value, Some(Instant::now()), Error::Full)
    }

    /// As [`put`](Queue::put), but waits no longer than `patience`. Python's counterpart is
    /// `Queue.put` with `timeout`.
    ///
    /// # Errors
    /// The value comes back with [`Error::TimedOut`], or as with [`put`](Queue::put).
    pub fn put_timeout(&self, value: T, patience: Duration) -> Result<(), PutError<T>> {
        let deadline = Instant::now().checked_add(patience);
        self.put_until(value, deadline, Error::TimedOut { after: patience, pid: None })
    }

    pub(super) fn put_until(&self, value: T, deadline: Option<Instant>, late: Error) -> Result<(), PutError<T>> {
        self.core.note_put();
        let mut waiting = None;
        let in_vain = || self.core.is_put_in_vain(&mut waiting);
        let put = |bytes: &[u8]| self.core.store.put(bytes, deadline, in_vain).map_err(|refusal| refusal.or(late));
        encode(&value, put).map_err(|error| PutError { value, error })
    }
}

impl<T: DeserializeOwned + 'static> Queue<T> {
    /// Takes the first value; waits for one. Python's counterpart is `Queue.get`.
    ///
    /// # Errors
    /// [`Error::Closed`] if the queue was closed and is empty; [`Error::Disconnected`] if nobody is
    /// left who could put something (see [`Queue`] for when that is known); [`Error::Decode`]
    /// if the value is not a `T`: then it is lost.
    pub fn get(&self) -> Result<T> {
        self.get_until(None, Error::Empty)
    }

    /// Takes the first value if there is one now. Python's counterpart is `Queue.get_nowait`.
    ///
    /// # Errors
    /// [`Error::Empty`], or as with [`get`](Queue::get).
    pub fn try_get(&self) -> Result<T> {
        self.get_until(Some(Instant::now()), Error::Empty)
    }

    /// As [`get`](Queue::get), but waits no longer than `patience`. Python's counterpart is
    /// `Queue.get` with `timeout`.
    ///
    /// # Errors
    /// [`Error::TimedOut`], or as with [`get`](Queue::get).
    pub fn get_timeout(&self, patience: Duration) -> Result<T> {
        let deadline = Instant::now().checked_add(patience);
        self.get_until(deadline, Error::TimedOut { after: patience, pid: None })
    }

    /// The values, one [`get`](Queue::get) after the other, until the queue is closed and empty or
    /// nobody is left who could put something.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { queue: self }
    }

    fn get_until(&self, deadline: Option<Instant>, late: Error) -> Result<T> {
        with_buffer(|bytes| {
            let store = &self.core.store;
            self.core
                .take(deadline, || Ok(store.take(bytes, deadline)?.then_some(())))
                .map_err(|refusal| refusal.or(late))?;
            codec::decode_guarded(Source::Buffer(bytes))
        })
    }
}

/// Takes values from a queue; made by [`Queue::iter`].
#[derive(Debug)]
pub struct Iter<'a, T> {
    queue: &'a Queue<T>,
}

impl<T: DeserializeOwned + 'static> Iterator for Iter<'_, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        match self.queue.get() {
            Err(Error::Closed | Error::Disconnected) => None,
            outcome => Some(outcome),
        }
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self { core: self.core.clone(), values: PhantomData }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish()
    }
}

impl<T> Serialize for Queue<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.core.serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Queue<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let opened = Self::open(fds::deserialize(ObjectKind::Queue, deserializer)?);
        opened.map_err(de::Error::custom)
    }
}
