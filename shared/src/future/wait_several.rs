//! Waits for several results, and yields them in the order in which they come.

use std::fmt;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, unbounded};

use crate::error::{Error, Result};
use crate::future::AsyncResult;
use crate::sys::pid::Owner;

/// The condition on which [`wait_futures`](crate::wait_futures) returns.
///
/// Python's counterparts: the constants of `concurrent.futures` with these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReturnWhen {
    /// Any has ended, successfully or not, or was cancelled. Python: `FIRST_COMPLETED`.
    #[doc(alias("FIRST_COMPLETED"))]
    FirstCompleted,
    /// Any has failed (or was cancelled), or all have ended. Python: `FIRST_EXCEPTION`.
    #[doc(alias("FIRST_EXCEPTION"))]
    FirstFailed,
    /// All have ended. Python: `ALL_COMPLETED`.
    #[doc(alias("ALL_COMPLETED"))]
    AllCompleted,
}

/// The answer of [`wait_futures`](crate::wait_futures): positions among the futures that it was
/// given, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waited {
    /// The futures that have ended, successfully or not, and whose callbacks have run.
    pub done: Vec<usize>,
    /// The other futures.
    pub pending: Vec<usize>,
}

/// Waits for several results, of processes and threads alike, until `when` holds, for at most
/// `timeout`; `None` waits for as long as it takes. The results stay in their futures. A future
/// that is given twice counts, and is listed, twice.
///
/// [`wait`](crate::wait()) is for connections and processes.
///
/// ```
/// use multiproc::{Executor, Pool, ReturnWhen, wait_futures};
///
/// # fn main() -> multiproc::Result<()> {
/// let pool = Pool::with_processes(2)?;
/// let futures: Vec<_> = (1..=3u64).map(|n| pool.apply_async(|n: u64| n * n, (n,))).collect();
/// let waited = wait_futures(&futures, ReturnWhen::AllCompleted, None);
/// assert_eq!(waited.done, [0, 1, 2]);
/// assert!(waited.pending.is_empty());
/// # Ok(()) }
/// ```
///
/// Python's counterpart: `concurrent.futures.wait`.
pub fn wait<'a, R: 'a>(
    futures: impl IntoIterator<Item = &'a AsyncResult<R>>,
    when: ReturnWhen,
    timeout: Option<Duration>,
) -> Waited {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let futures: Vec<_> = futures.into_iter().collect();
    let mut done = vec![false; futures.len()];
    let (mut left, mut over) = (futures.len(), futures.is_empty());
    let mut readiness = Readiness::new();
    for (index, future) in futures.iter().enumerate() {
        readiness.watch(index, future);
    }
    loop {
        // All that are ready by now are listed, even if one would do, as in Python.
        while let Some(index) = readiness.take() {
            if !readiness.confirm(index, futures[index]) || std::mem::replace(&mut done[index], true) {
                continue;
            }
            left -= 1;
            over |= left == 0
                || match when {
                    ReturnWhen::FirstCompleted => true,
                    ReturnWhen::FirstFailed => !futures[index].successful().unwrap_or(true),
                    ReturnWhen::AllCompleted => false,
                };
        }
        if over || !readiness.sleep(deadline) {
            break;
        }
    }
    futures.iter().enumerate().for_each(|(index, future)| readiness.forget(index, future));
    let pick = |wanted: bool| (0..done.len()).filter(|index| done[*index] == wanted).collect();
    Waited { done: pick(true), pending: pick(false) }
}

/// Waits until all results are ready. They stay in their futures: [`get`](AsyncResult::get) takes
/// them, without waiting then.
///
/// ```
/// use multiproc::{Executor, Pool, wait_for_all};
///
/// # fn main() -> multiproc::Result<()> {
/// let pool = Pool::with_processes(2)?;
/// let futures: Vec<_> = (1..=3u64).map(|n| pool.apply_async(|n: u64| n * n, (n,))).collect();
/// wait_for_all(&futures);
/// assert!(futures.iter().all(|future| future.ready()));
/// # Ok(()) }
/// ```
pub fn wait_for_all<'a, R: 'a>(futures: impl IntoIterator<Item = &'a AsyncResult<R>>) {
    wait(futures, ReturnWhen::AllCompleted, None);
}

/// Waits until any result is ready, and returns its position (the first of several), or `None` if
/// there are no futures.
///
/// ```
/// use multiproc::{Executor, Pool, wait_for_any};
///
/// # fn main() -> multiproc::Result<()> {
/// let pool = Pool::with_processes(2)?;
/// let futures: Vec<_> = (1..=3u64).map(|n| pool.apply_async(|n: u64| n * n, (n,))).collect();
/// assert!(wait_for_any(&futures).is_some_and(|index| futures[index].ready()));
/// # Ok(()) }
/// ```
pub fn wait_for_any<'a, R: 'a>(futures: impl IntoIterator<Item = &'a AsyncResult<R>>) -> Option<usize> {
    wait(futures, ReturnWhen::FirstCompleted, None).done.first().copied()
}

/// An iterator of results as they come; returned by [`as_completed`].
#[must_use = "the results come as the iterator is advanced"]
pub struct AsCompleted<R> {
    /// `None` where the result was yielded.
    futures: Vec<Option<AsyncResult<R>>>,
    left: usize,
    /// Every future before this one was yielded.
    first: usize,
    readiness: Readiness,
    timeout: Duration,
    deadline: Option<Instant>,
    owner: Owner,
}

/// Returns an iterator of results, of processes and threads alike, in the order in which they come:
/// each future's position among `futures`, and its result.
///
/// `timeout` counts from now, for all together. After it, each future that is left yields
/// [`Error::TimedOut`], and its task goes on; [`into_pending`](AsCompleted::into_pending) before
/// that returns the futures instead. `None` waits for as long as it takes.
///
/// ```
/// use multiproc::{Executor, Pool, as_completed};
///
/// # fn main() -> multiproc::Result<()> {
/// let pool = Pool::with_processes(2)?;
/// let words = ["one", "three"].map(String::from);
/// let futures = words.clone().map(|word| pool.apply_async(|word: String| word.len(), (word,)));
/// for (index, length) in as_completed(futures, None) {
///     assert_eq!(length?, words[index].len());
/// }
/// # Ok(()) }
/// ```
///
/// Python's counterpart: `concurrent.futures.as_completed`.
pub fn as_completed<R>(futures: impl IntoIterator<Item = AsyncResult<R>>, timeout: Option<Duration>) -> AsCompleted<R> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let futures: Vec<_> = futures.into_iter().map(Some).collect();
    let mut readiness = Readiness::new();
    for (index, future) in futures.iter().flatten().enumerate() {
        readiness.watch(index, future);
    }
    let (left, timeout, owner) = (futures.len(), timeout.unwrap_or_default(), Owner::here());
    AsCompleted { futures, left, first: 0, readiness, timeout, deadline, owner }
}

impl<R> AsCompleted<R> {
    /// Returns the futures that were not yielded, with their positions.
    pub fn into_pending(mut self) -> Vec<(usize, AsyncResult<R>)> {
        self.forget_all();
        let futures = std::mem::take(&mut self.futures);
        futures.into_iter().enumerate().filter_map(|(index, future)| Some((index, future?))).collect()
    }

    /// Stops watching the futures that are left.
    fn forget_all(&self) {
        for (index, future) in self.futures.iter().enumerate() {
            if let Some(future) = future {
                self.readiness.forget(index, future);
            }
        }
    }

    /// Counts a future that is yielded.
    fn yielded(&mut self, index: usize, result: Result<R>) -> Option<(usize, Result<R>)> {
        self.left -= 1;
        Some((index, result))
    }
}

impl<R> Iterator for AsCompleted<R> {
    type Item = (usize, Result<R>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 {
            if !self.owner.is_here() {
                // No future becomes ready in a copy of the process: each has its error.
                let index = self.futures.iter().position(Option::is_some)?;
                let result = self.futures[index].take()?.take_result();
                return self.yielded(index, result);
            }
            while let Some(index) = self.readiness.take() {
                let Some(future) = &self.futures[index] else { continue };
                if self.readiness.confirm(index, future)
                    && let Some(mut future) = self.futures[index].take()
                {
                    return self.yielded(index, future.take_result());
                }
            }
            if !self.readiness.sleep(self.deadline) {
                self.first += self.futures[self.first..].iter().position(Option::is_some)?;
                let index = self.first;
                if let Some(future) = self.futures[index].take() {
                    self.readiness.forget(index, &future);
                }
                return self.yielded(index, Err(Error::timed_out(self.timeout)));
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<R> ExactSizeIterator for AsCompleted<R> {}

impl<R> Drop for AsCompleted<R> {
    fn drop(&mut self) {
        self.forget_all();
    }
}

impl<R> fmt::Debug for AsCompleted<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.left).finish_non_exhaustive()
    }
}

/// The futures that may have become ready, in the order in which they did: each has a waker that
/// sends its position through a channel.
struct Readiness {
    sender: Sender<usize>,
    receiver: Receiver<usize>,
    /// The waker of each future, so that none is left behind with a future that goes on.
    wakers: Vec<Waker>,
    /// The position that ended the last sleep.
    received: Option<usize>,
}

struct IndexWaker {
    index: usize,
    sender: Sender<usize>,
}

impl Wake for IndexWaker {
    fn wake(self: Arc<Self>) {
        // Without a receiver, nothing waits any more.
        let _ = self.sender.send(self.index);
    }
}

impl Readiness {
    fn new() -> Self {
        let (sender, receiver) = unbounded();
        Self { sender, receiver, wakers: Vec::new(), received: None }
    }

    /// Watches the next future. They come in order of `index`, from 0 on.
    fn watch<R>(&mut self, index: usize, future: &AsyncResult<R>) {
        let waker = Waker::from(Arc::new(IndexWaker { index, sender: self.sender.clone() }));
        if !future.wake_when_ready(&waker) {
            waker.wake_by_ref();
        }
        self.wakers.push(waker);
    }

    /// Returns the position of a future that may have become ready.
    fn take(&mut self) -> Option<usize> {
        self.received.take().or_else(|| self.receiver.try_recv().ok())
    }

    /// Returns whether the future is ready. Else it stays watched.
    fn confirm<R>(&self, index: usize, future: &AsyncResult<R>) -> bool {
        self.wakers.get(index).is_none_or(|waker| !future.wake_when_ready(waker))
    }

    /// Sleeps until there is something to [take](Readiness::take). Returns `false` if the deadline
    /// came first.
    fn sleep(&mut self, deadline: Option<Instant>) -> bool {
        self.received = match deadline {
            Some(deadline) => self.receiver.recv_deadline(deadline).ok(),
            None => self.receiver.recv().ok(),
        };
        self.received.is_some()
    }

    /// Stops watching a future.
    fn forget<R>(&self, index: usize, future: &AsyncResult<R>) {
        if let Some(waker) = self.wakers.get(index) {
            future.forget_waker(waker);
        }
    }
}
