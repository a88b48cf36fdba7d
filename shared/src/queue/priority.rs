//! The queue that returns the smallest value first.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::queue::handle::Handle;
use crate::queue::log::Log;
use crate::queue::methods::queue_methods;
use crate::queue::put_error::PutError;
use crate::queue::seen::Seen;
use crate::queue::store::{Store, Taken, WaitLimit};
use crate::shm::Watch;

/// A queue that returns the smallest value first, and of equal ones the one that was put first.
///
/// Everything else is as in a [`Queue`](crate::Queue): any number of processes put and take values,
/// handles are sent as arguments, a process that is killed leaves the others working, and the queue
/// ends in the same way. To get the largest value first, put [`Reverse`](std::cmp::Reverse) around
/// the values.
///
/// Every process that takes values decodes each value that is put, and keeps it until it was taken,
/// by this process or another. The code of a value (its `Deserialize` and `Ord`) that takes a value
/// from the same queue gets [`Error::Io`] (`EDEADLK`).
///
/// # Examples
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
///
/// Python's counterpart: `queue.PriorityQueue` in a manager.
#[must_use]
pub struct PriorityQueue<T> {
    handle: Arc<Handle<Log>>,
    seen: Arc<Mutex<Seen<T>>>,
}

queue_methods!(PriorityQueue<T: Ord>, "smallest");

impl<T: Ord> PriorityQueue<T> {
    fn over(handle: Arc<Handle<Log>>) -> Self {
        Self { handle, seen: Arc::new(Mutex::new(Seen::new())) }
    }
}

impl<T: DeserializeOwned + Ord + 'static> PriorityQueue<T> {
    fn take_next(&self, deadline: Option<Instant>) -> Taken<T> {
        let _guard = TakeGuard::enter(Arc::as_ptr(&self.seen).addr())?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.take_smallest(self.handle.store(), deadline)
    }
}

impl<T> Clone for PriorityQueue<T> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone(), seen: self.seen.clone() }
    }
}

thread_local! {
    /// The queues that this thread takes a value from now, by the addresses of their seen values.
    static TAKING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Marks that this thread takes a value from a queue. The code of the values, which runs meanwhile,
/// cannot take from the same queue: it would wait for itself.
struct TakeGuard(usize);

impl TakeGuard {
    fn enter(queue: usize) -> Result<Self> {
        // When the thread is about to end, the list is gone before the last of its values.
        let known = TAKING.try_with(|taking| {
            let known = taking.borrow().contains(&queue);
            taking.borrow_mut().push(queue);
            known
        });
        let guard = Self(queue);
        match known {
            Ok(true) => Err(Error::io("this thread takes a value from the queue already", Errno::EDEADLK)),
            _ => Ok(guard),
        }
    }
}

impl Drop for TakeGuard {
    fn drop(&mut self) {
        let _ = TAKING.try_with(|taking| {
            let mut taking = taking.borrow_mut();
            taking.iter().rposition(|queue| *queue == self.0).map(|at| taking.remove(at))
        });
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::codec;

    #[test]
    fn value_that_the_last_producer_left_uncounted_comes_before_the_end() {
        // The threads there are count for older ones then.
        thread::sleep(Duration::from_millis(50));
        let queue = PriorityQueue::<u64>::new().unwrap();
        let mut bytes = Vec::new();
        codec::encode_ref(&7_u64, &mut bytes).unwrap();
        queue.handle.store().kill_producer_between_end_and_count(&bytes);
        // Another process had a handle, and is gone.
        queue.handle.store().control().set_shared();
        assert!(matches!(queue.get(), Ok(7)));
        assert!(matches!(queue.get(), Err(Error::Disconnected)));
    }
}
