//! The typed queue.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::error::{Error, Result};
use crate::handle::{self, Descriptor, Travel};
use crate::limits::MAX_MESSAGE;
use crate::machine::can_spin;
use crate::queue::store::{Refusal, Store};
use crate::queue::{PutError, presence};
use crate::sharing::SLICE;
use crate::wire::{self, Source};

/// The buffer for values is kept up to this size.
const KEPT: usize = 64 * 1024;

thread_local! {
    /// Where values lie between the queue's memory and their decoding.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A first-in, first-out queue that any number of processes put values into and take values from.
///
/// It is cheap to clone, and goes to other processes as an argument (or part of one) of a task. All handles mean the same queue. It
/// lives in shared memory without a name, which goes away with the last handle.
///
/// A process that is killed in the middle of any call leaves the others working, with all that was put before: it has put its value or it
/// has not, taken one or not.
///
/// To end, [`close`](Queue::close) it: those who take get what is left, and then [`Error::Closed`]. Beyond that, [`get`](Queue::get) says
/// [`Error::Disconnected`] instead of waiting for ever when this process holds the last handle, others had theirs and are gone, and
/// nothing was put by this process. It cannot know more: with two processes waiting, either might yet put something.
///
/// Values may have up to 16 GiB ([`with_max_message`](Queue::with_max_message)); those that hold handles cannot go through a queue.
///
/// Python's counterparts are `multiprocessing.Queue`, `JoinableQueue` and `SimpleQueue`. There a thread writes behind the caller's back, so that
/// what was put can be lost with its process, and a process cannot end before it is written.
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
    inner: Arc<Inner>,
    values: PhantomData<fn(T) -> T>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    /// The description that handles for other processes travel by, while one does.
    travelling: Mutex<Weak<Descriptor>>,
    /// This process has put something.
    has_put: AtomicBool,
}

impl<T> Queue<T> {
    /// A queue that holds any number of values.
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no memory or descriptors left.
    pub fn new() -> Result<Self> {
        Self::create(0)
    }

    /// A queue that holds up to `capacity` values: [`put`](Queue::put) waits for room. Python's counterpart is `Queue(maxsize)`.
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
        let fd = Store::create(capacity, MAX_MESSAGE)?;
        presence::join(&fd)?;
        Self::open(Arc::new(Descriptor::new(fd)))
    }

    fn open(fd: Arc<Descriptor>) -> Result<Self> {
        let inner = Inner { store: Store::open(fd)?, travelling: Mutex::default(), has_put: AtomicBool::new(false) };
        Ok(Self { inner: Arc::new(inner), values: PhantomData })
    }

    /// Sets how many bytes a value may have, for all handles of this queue; 16 GiB if not set.
    #[must_use]
    pub fn with_max_message(self, bytes: u64) -> Self {
        self.inner.store.header().max_message.store(bytes, Relaxed);
        self
    }

    /// How many values are in it. It may be another number by the time you look at it, if others put or take. Python's counterpart is
    /// `Queue.qsize`.
    pub fn len(&self) -> usize {
        self.inner.store.header().len() as usize
    }

    /// Whether it is empty now; see [`len`](Queue::len). To take all there is, call [`try_get`](Queue::try_get) until it says
    /// [`Error::Empty`]. Python's counterpart is `Queue.empty`.
    pub fn is_empty(&self) -> bool {
        self.inner.store.header().is_empty()
    }

    /// How many values it holds at most, if there is a bound.
    pub fn capacity(&self) -> Option<usize> {
        match self.inner.store.header().capacity.load(Relaxed) {
            0 => None,
            capacity => Some(capacity as usize),
        }
    }

    /// From now on nothing can be put, by nobody; what is there can be taken. Everybody who waits is told. Closing it twice is no error.
    ///
    /// # Errors
    /// [`Error::Io`] if the queue's lock cannot be used.
    pub fn close(&self) -> Result<()> {
        self.inner.store.close()
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.inner.store.header().is_closed()
    }

    /// Says that a value which was taken is dealt with; see [`join`](Queue::join). Python's counterpart is `JoinableQueue.task_done`.
    ///
    /// # Errors
    /// [`Error::Config`] if it is called more often than values were put.
    pub fn task_done(&self) -> Result<()> {
        let header = self.inner.store.header();
        let one_more = |done| (done < header.put.count()).then_some(done + 1);
        if header.done.fetch_update(AcqRel, Acquire, one_more).is_err() {
            return Err(Error::Config("task_done was called more often than values were put into the queue".into()));
        }
        header.finished.notify_all();
        Ok(())
    }

    /// Waits until every value that was put is [dealt with](Queue::task_done). If a process dies between taking a value and saying so,
    /// that never comes: see [`join_timeout`](Queue::join_timeout). Python's counterpart is `JoinableQueue.join`.
    pub fn join(&self) {
        self.wait_done(None);
    }

    /// As [`join`](Queue::join), but waits no longer than `patience`; says whether everything is dealt with.
    pub fn join_timeout(&self, patience: Duration) -> bool {
        self.wait_done(Instant::now().checked_add(patience))
    }

    fn wait_done(&self, deadline: Option<Instant>) -> bool {
        let header = self.inner.store.header();
        let all_done = || (header.done.load(Acquire) >= header.put.count()).then_some(());
        header.finished.wait_until(deadline, can_spin(), all_done).is_some()
    }
}

impl<T: Serialize + 'static> Queue<T> {
    /// Puts a value behind the others. Waits while a [bounded](Queue::bounded) queue is full. Once it returns, the value is there, whatever
    /// becomes of this process.
    ///
    /// Python's counterpart is `Queue.put`.
    ///
    /// # Errors
    /// The value comes back with [`Error::Closed`], [`Error::TooLarge`], [`Error::Encode`], or [`Error::Io`] if the system has no
    /// more memory for it.
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

    /// As [`put`](Queue::put), but waits no longer than `patience`. Python's counterpart is `Queue.put` with `timeout`.
    ///
    /// # Errors
    /// The value comes back with [`Error::TimedOut`], or as with [`put`](Queue::put).
    pub fn put_timeout(&self, value: T, patience: Duration) -> Result<(), PutError<T>> {
        let deadline = Instant::now().checked_add(patience);
        self.put_until(value, deadline, Error::TimedOut { after: patience, pid: None })
    }

    fn put_until(&self, value: T, deadline: Option<Instant>, late: Error) -> Result<(), PutError<T>> {
        if !self.inner.has_put.load(Relaxed) {
            self.inner.has_put.store(true, Relaxed);
        }
        let put = |bytes: &[u8]| {
            self.inner.store.put(bytes, deadline).map_err(|refusal| match refusal {
                Refusal::NotNow => late,
                Refusal::Failed(error) => error,
            })
        };
        let outcome = match wire::view(&value) {
            Some(bytes) => put(bytes),
            None => encode(&value).and_then(|bytes| put(&bytes)),
        };
        outcome.map_err(|error| PutError { value, error })
    }
}

impl<T: DeserializeOwned + 'static> Queue<T> {
    /// Takes the first value; waits for one. Python's counterpart is `Queue.get`.
    ///
    /// # Errors
    /// [`Error::Closed`] if the queue was closed and is empty; [`Error::Disconnected`] if nobody is left who could put something (see
    /// [`Queue`] for when that is known); [`Error::Decode`] if the value is not a `T`: then it is lost.
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

    /// As [`get`](Queue::get), but waits no longer than `patience`. Python's counterpart is `Queue.get` with `timeout`.
    ///
    /// # Errors
    /// [`Error::TimedOut`], or as with [`get`](Queue::get).
    pub fn get_timeout(&self, patience: Duration) -> Result<T> {
        let deadline = Instant::now().checked_add(patience);
        self.get_until(deadline, Error::TimedOut { after: patience, pid: None })
    }

    /// The values, one [`get`](Queue::get) after the other, until the queue is closed and empty or nobody is left who could put something.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { queue: self }
    }

    fn get_until(&self, deadline: Option<Instant>, late: Error) -> Result<T> {
        let store = &self.inner.store;
        let header = store.header();
        let mut bytes = SCRATCH.take();
        let mut looked_around = false;
        let outcome = loop {
            // In this order: what was put before the end is there.
            let closed = header.is_closed();
            if !header.is_empty() {
                match store.take(&mut bytes, deadline) {
                    Ok(true) => break decode(&mut bytes),
                    Ok(false) => continue,
                    Err(Refusal::NotNow) => break Err(late),
                    Err(Refusal::Failed(error)) => break Err(error),
                }
            }
            if closed {
                break Err(Error::Closed);
            }
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) {
                break Err(late);
            }
            // The first wait is a busy one: who finds something soon need not ask who else is there.
            let until = if looked_around { now + SLICE } else { now };
            let until = deadline.map_or(until, |deadline| until.min(deadline));
            let something = || (!header.is_empty() || header.is_closed()).then_some(());
            if header.items.wait_until(Some(until), can_spin() && !looked_around, something).is_none() {
                if self.is_forsaken() && header.is_empty() && !header.is_closed() {
                    break Err(Error::Disconnected);
                }
                looked_around = true;
            }
        };
        if bytes.capacity() <= KEPT {
            bytes.clear();
            SCRATCH.set(bytes);
        }
        outcome
    }

    /// Whether it is known that nobody can put anything any more.
    fn is_forsaken(&self) -> bool {
        self.inner.store.header().shared.load(Acquire) == 1
            && !self.inner.has_put.load(Relaxed)
            && Arc::strong_count(&self.inner) == 1
            && presence::is_alone(&self.inner.store)
    }
}

fn encode<T: Serialize + 'static>(value: &T) -> Result<Vec<u8>> {
    const NO_HANDLES: &str = "a value with a handle in it (connection, queue, lock, …) cannot go through a queue: give the handle to the \
         process as an argument, or send it through a Connection";
    let mut bytes = Vec::new();
    let encode = || catch_unwind(AssertUnwindSafe(|| wire::encode_ref(value, &mut bytes)));
    let encoded = handle::forbid(NO_HANDLES, encode);
    encoded.unwrap_or_else(|_| Err("serializing the value panicked".into())).map_err(Error::Encode)?;
    Ok(bytes)
}

fn decode<T: DeserializeOwned + 'static>(bytes: &mut Vec<u8>) -> Result<T> {
    wire::decode(Source::Buffer(bytes)).map_err(Error::Decode)
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
        Self { inner: self.inner.clone(), values: PhantomData }
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
        let mut travelling = self.inner.travelling.lock().unwrap_or_else(PoisonError::into_inner);
        let descriptor = match travelling.upgrade() {
            Some(descriptor) => descriptor,
            None => {
                let invited = presence::invite(&self.inner.store).map_err(ser::Error::custom)?;
                Arc::new(Descriptor::new(invited))
            }
        };
        *travelling = Arc::downgrade(&descriptor);
        let written = handle::serialize(&descriptor, Travel::Shared, serializer)?;
        self.inner.store.header().shared.store(1, std::sync::atomic::Ordering::Release);
        Ok(written)
    }
}

impl<'de, T> Deserialize<'de> for Queue<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::open(handle::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
