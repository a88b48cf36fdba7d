//! The first-in, first-out queue.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::codec::{self, Source};
use crate::error::{Error, Result};
use crate::queue::byte_ring::ByteRing;
use crate::queue::handle::Handle;
use crate::queue::handle::with_buffer;
use crate::queue::methods::queue_methods;
use crate::queue::put_error::PutError;
use crate::queue::store::{Store, Taken, WaitLimit};
use crate::shm::Watch;

/// A first-in, first-out queue that any number of processes put values into and take values from.
///
/// It is cheap to clone, and is sent to other processes as an argument of a task (or a part of
/// one). All handles are the same queue. It lies in shared memory without a name, which is freed
/// with the last handle.
///
/// A process that is killed in the middle of any call leaves the others working, with all that was
/// put before: it has put its value or it has not, taken one or not.
///
/// # The end of a queue
/// [`close`](Queue::close) ends it: consumers get what is left, and then [`Error::Closed`].
///
/// Without it, [`get`](Queue::get) returns [`Error::Disconnected`] instead of waiting for ever when
/// this process holds the last handle, other processes had handles and are gone, and this process
/// has put nothing. It cannot know more: of two processes that wait, either might yet put a value.
/// Another thread of this process that has the queue by reference counts for ten seconds after it
/// was started, and after it last sent a handle to a process; one that has a clone counts as long
/// as it has it. In the same way, [`put`](Queue::put) into a full queue fails when no process is
/// left that could take a value, and this process never has.
///
/// # Limits
/// Values may have up to 16 GiB ([`set_max_message`](Queue::set_max_message)). Those that hold
/// handles (a [`Connection`](crate::Connection) for the reply, an [`Fd`](crate::Fd), another queue)
/// cannot go through a queue, which is memory, and are returned with [`Error::Encode`]: use a
/// [`channel()`](crate::channel()).
///
/// # Examples
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
///
/// In Python a thread of the process writes to the queue in the background, so that what was put
/// can be lost with the process, and a process cannot end before it is written.
///
/// Python's counterpart: `multiprocessing.Queue`, `JoinableQueue` and `SimpleQueue`.
#[must_use]
#[doc(alias("JoinableQueue", "SimpleQueue"))]
pub struct Queue<T> {
    handle: Arc<Handle<ByteRing>>,
    values: PhantomData<fn(T) -> T>,
}

queue_methods!(Queue<T>, "first");

impl<T> Queue<T> {
    fn over(handle: Arc<Handle<ByteRing>>) -> Self {
        Self { handle, values: PhantomData }
    }
}

impl<T: DeserializeOwned + 'static> Queue<T> {
    /// Returns an iterator that takes the values, one [`get`](Queue::get) after the other, until
    /// the queue is closed and empty or no process is left that could put a value.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { queue: self }
    }

    fn take_next(&self, deadline: Option<Instant>) -> Taken<T> {
        with_buffer(|bytes| {
            let taken = self.handle.store().take(bytes, deadline)?;
            Ok(taken.then(|| codec::decode_guarded(Source::Buffer(bytes))))
        })
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self::over(self.handle.clone())
    }
}

/// An iterator over the values of a queue, from [`Queue::iter`].
#[derive(Debug)]
#[must_use = "iterators are lazy and do nothing unless consumed"]
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
