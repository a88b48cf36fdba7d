//! The queue that gives the smallest value first.

use std::any::type_name;
use std::cell::RefCell;
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::codec::{self, Source};
use crate::error::{Error, Result};
use crate::fds::{self, Descriptor};
use crate::foreign;
use crate::kind::ObjectKind;
use crate::queue::common::{Core, Refusal, Store};
use crate::queue::log::{Found, Fresh, Log, Reader};
use crate::queue::{PutError, encode, presence};

/// A queue that gives the smallest value first, and of equal ones the one that was put first.
///
/// Everything else is as with [`Queue`](crate::Queue): any number of processes put and take,
/// handles go along as arguments, a process that is killed leaves the others working, and the end
/// is told in the same way. To have the largest first, put [`Reverse`](std::cmp::Reverse) around
/// the values.
///
/// Every process that takes values decodes each value that comes, and keeps it until it or another
/// has taken it.
///
/// Python's library has none; its counterpart is `queue.PriorityQueue` in a manager.
///
/// ```
/// use multiproc::{PriorityQueue, Process};
///
/// #[derive(PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
/// enum Message {
///     Total(u64),
///     Value(u64),
/// }
///
/// fn produce(queue: PriorityQueue<Message>) {
///     (1..=3).for_each(|n| queue.put(Message::Value(n)).unwrap());
///     queue.put(Message::Total(6)).unwrap();
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let queue = PriorityQueue::new()?;
/// Process::new(produce, (queue.clone(),)).start()?.join()?;
/// assert!(queue.get()? == Message::Total(6), "totals overtake values");
/// assert!(queue.get()? == Message::Value(1));
/// # Ok(()) }
/// ```
pub struct PriorityQueue<T> {
    core: Arc<Core<Log>>,
    seen: Arc<Mutex<Seen<T>>>,
}

/// The values this process has seen, some of which others may have taken.
struct Seen<T> {
    reader: Reader,
    /// Those that are not decoded yet, in the order they were put.
    fresh: VecDeque<Fresh>,
    heap: BinaryHeap<Reverse<Entry<T>>>,
}

/// A value, or why it cannot be decoded, and its place in the log. Places grow in the order in
/// which values were put.
struct Entry<T> {
    value: Result<T>,
    at: usize,
}

impl<T: Ord> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        let values = match (&self.value, &other.value) {
            // Where a comparison panics, the order in which they were put decides: the heap must stay one.
            (Ok(a), Ok(b)) => foreign::guard(|| a.cmp(b)).unwrap_or(Ordering::Equal),
            // What cannot be decoded is told at once.
            (a, b) => a.is_ok().cmp(&b.is_ok()),
        };
        values.then(self.at.cmp(&other.at))
    }
}

impl<T: Ord> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T: Ord> Eq for Entry<T> {}

impl<T: Ord> PriorityQueue<T> {
    /// A queue that holds any number of values.
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no memory or descriptors left.
    pub fn new() -> Result<Self> {
        Self::create(0)
    }

    /// A queue that holds up to `capacity` values.
    ///
    /// # Errors
    /// [`Error::Config`] if `capacity` is 0; otherwise as [`new`](PriorityQueue::new).
    pub fn bounded(capacity: usize) -> Result<Self> {
        match capacity {
            0 => {
                Err(Error::Config("a queue for 0 values could never hold one; use `new` for one without bounds".into()))
            }
            capacity => Self::create(capacity as u64),
        }
    }

    fn create(capacity: u64) -> Result<Self> {
        let fd = Log::create(capacity)?;
        presence::join(&fd)?;
        Self::open(Arc::new(Descriptor::new(fd)))
    }

    fn open(fd: Arc<Descriptor>) -> Result<Self> {
        let seen = Seen { reader: Reader::default(), fresh: VecDeque::new(), heap: BinaryHeap::new() };
        Ok(Self { core: Core::new(Log::open(fd)?), seen: Arc::new(Mutex::new(seen)) })
    }
}

impl<T> PriorityQueue<T> {
    /// Sets how many bytes a value may have, for all handles of this queue; 16 GiB if not set.
    #[must_use]
    pub fn with_max_message(self, bytes: u64) -> Self {
        self.core.store.common().max_message.store(bytes, Relaxed);
        self
    }

    /// How many values are in it; see [`Queue::len`](crate::Queue::len).
    pub fn len(&self) -> usize {
        self.core.store.len() as usize
    }

    /// Whether it is empty now; see [`Queue::is_empty`](crate::Queue::is_empty).
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

    /// From now on nothing can be put; see [`Queue::close`](crate::Queue::close).
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

    /// Says that a value which was taken is dealt with; see
    /// [`Queue::task_done`](crate::Queue::task_done).
    ///
    /// # Errors
    /// [`Error::InvalidState`] if it is called more often than values were put.
    pub fn task_done(&self) -> Result<()> {
        self.core.task_done()
    }

    /// Waits until every value that was put is dealt with; see [`Queue::join`](crate::Queue::join).
    pub fn join(&self) {
        self.core.wait_done(None);
    }

    /// As [`join`](PriorityQueue::join), but waits no longer than `patience`; says whether
    /// everything is dealt with.
    pub fn join_timeout(&self, patience: Duration) -> bool {
        self.core.wait_done(Instant::now().checked_add(patience))
    }
}

impl<T: Serialize + 'static> PriorityQueue<T> {
    /// Puts a value; see [`Queue::put`](crate::Queue::put), also for the errors.
    pub fn put(&self, value: T) -> Result<(), PutError<T>> {
        self.put_until(value, None, Error::Full)
    }

    /// Puts a value if there is room now; see [`Queue::try_put`](crate::Queue::try_put).
    pub fn try_put(&self, value: T) -> Result<(), PutError<T>> {
        self.put_until(value, Some(Instant::now()), Error::Full)
    }

    /// Puts a value, but waits no longer than `patience`; see
    /// [`Queue::put_timeout`](crate::Queue::put_timeout).
    pub fn put_timeout(&self, value: T, patience: Duration) -> Result<(), PutError<T>> {
        let deadline = Instant::now().checked_add(patience);
        self.put_until(value, deadline, Error::TimedOut { after: patience, pid: None })
    }

    fn put_until(&self, value: T, deadline: Option<Instant>, late: Error) -> Result<(), PutError<T>> {
        self.core.note_put();
        let mut waiting = None;
        let in_vain = || self.core.is_put_in_vain(&mut waiting);
        let put = |bytes: &[u8]| self.core.store.put(bytes, deadline, in_vain).map_err(|refusal| refusal.or(late));
        encode(&value, put).map_err(|error| PutError { value, error })
    }
}

impl<T: DeserializeOwned + Ord + 'static> PriorityQueue<T> {
    /// Takes the smallest value; waits for one. For the errors see
    /// [`Queue::get`](crate::Queue::get); the code of a value that is decoded or compared meanwhile
    /// gets `Io` (`EDEADLK`) from the same queue.
    pub fn get(&self) -> Result<T> {
        self.get_until(None, Error::Empty)
    }

    /// Takes the smallest value if there is one now; see [`Queue::try_get`](crate::Queue::try_get).
    pub fn try_get(&self) -> Result<T> {
        self.get_until(Some(Instant::now()), Error::Empty)
    }

    /// Takes the smallest value, but waits no longer than `patience`; see
    /// [`Queue::get_timeout`](crate::Queue::get_timeout).
    pub fn get_timeout(&self, patience: Duration) -> Result<T> {
        let deadline = Instant::now().checked_add(patience);
        self.get_until(deadline, Error::TimedOut { after: patience, pid: None })
    }

    fn get_until(&self, deadline: Option<Instant>, late: Error) -> Result<T> {
        self.core.take(deadline, || self.take_smallest(deadline)).map_err(|refusal| refusal.or(late))?
    }

    /// Looks at what came, and takes the smallest of all, if there is one.
    fn take_smallest(&self, deadline: Option<Instant>) -> Result<Option<Result<T>>, Refusal> {
        let _turn = Turn::begin(Arc::as_ptr(&self.seen).addr())?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = &mut *seen;
        let mut looks = 0;
        loop {
            let mut locked = self.core.store.lock(deadline)?;
            let Found { moved, values } = locked.read(&mut seen.reader)?;
            if moved {
                seen.fresh.clear();
                forget(std::mem::take(&mut seen.heap));
            }
            let any = !values.is_empty();
            seen.fresh.extend(values);
            looks += 1;
            // What comes while the rest is decoded came too late for this call, unless it moved the places.
            if !any || (looks > 1 && !moved) {
                let taken = take_top(&mut seen.heap, |at| locked.take(at))?;
                drop(locked);
                seen.decode_fresh();
                return Ok(taken);
            }
            // Decoding runs code of others: without the lock.
            drop(locked);
            seen.decode_fresh();
        }
    }
}

thread_local! {
    /// The queues that this thread takes a value from now, by the addresses of what they have seen.
    static TAKING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// This thread takes a value from a queue. The code of its values, which is run meanwhile, cannot
/// take from the same queue: it would wait for itself.
struct Turn(usize);

impl Turn {
    fn begin(queue: usize) -> Result<Self> {
        // When the thread is about to end, the list is gone before the last of its values.
        let known = TAKING.try_with(|taking| {
            let known = taking.borrow().contains(&queue);
            taking.borrow_mut().push(queue);
            known
        });
        let turn = Self(queue);
        match known {
            Ok(true) => Err(Error::io("this thread takes a value from the queue already", Errno::EDEADLK)),
            _ => Ok(turn),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = TAKING.try_with(|taking| {
            let mut taking = taking.borrow_mut();
            taking.iter().rposition(|queue| *queue == self.0).map(|at| taking.remove(at))
        });
    }
}

impl<T: DeserializeOwned + Ord + 'static> Seen<T> {
    /// Decodes the values that are new. One that panics, when it is decoded or compared, is an
    /// error in its own place.
    fn decode_fresh(&mut self) {
        while let Some(Fresh { at, mut bytes }) = self.fresh.pop_front() {
            let value = codec::decode_guarded::<T>(Source::Buffer(&mut bytes));
            let value = value.and_then(|value| match foreign::guard(|| value.cmp(&value)) {
                Ok(_) => Ok(value),
                Err(panic) => {
                    foreign::run_or_forget(|| drop(value));
                    Err(Error::Decode(format!("comparing panicked: {panic} (in `{}`)", type_name::<T>())))
                }
            });
            self.heap.push(Reverse(Entry { value, at }));
        }
    }
}

/// Drops values that are of no use here any more. What one of them does about that concerns no
/// other.
fn forget<T>(heap: BinaryHeap<Reverse<Entry<T>>>) {
    heap.into_iter().for_each(|Reverse(entry)| foreign::run_or_forget(|| drop(entry)));
}

/// Takes the smallest value that nobody else has taken.
fn take_top<T: Ord>(
    heap: &mut BinaryHeap<Reverse<Entry<T>>>,
    mut take: impl FnMut(usize) -> Result<bool>,
) -> Result<Option<Result<T>>> {
    while let Some(Reverse(entry)) = heap.pop() {
        if take(entry.at)? {
            return Ok(Some(entry.value));
        }
        foreign::run_or_forget(|| drop(entry));
    }
    Ok(None)
}

impl<T> Clone for PriorityQueue<T> {
    fn clone(&self) -> Self {
        Self { core: self.core.clone(), seen: self.seen.clone() }
    }
}

impl<T> fmt::Debug for PriorityQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PriorityQueue")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish()
    }
}

impl<T> Serialize for PriorityQueue<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.core.serialize(serializer)
    }
}

impl<'de, T: Ord> Deserialize<'de> for PriorityQueue<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let opened = Self::open(fds::deserialize(ObjectKind::PriorityQueue, deserializer)?);
        opened.map_err(de::Error::custom)
    }
}
