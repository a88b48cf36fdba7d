//! Waits for several results.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, unbounded};

use crate::future::AsyncResult;

/// The condition on which [`wait_futures`](crate::wait_futures) returns.
///
/// Python's counterparts: the constants of `concurrent.futures` with these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReturnWhen {
    /// Any has ended, successfully or not, or was cancelled. Python: `FIRST_COMPLETED`.
    FirstCompleted,
    /// Any has failed (or was cancelled), or all have ended. Python: `FIRST_EXCEPTION`.
    FirstFailed,
    /// All have ended. Python: `ALL_COMPLETED`.
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
    let mut left = futures.len();
    let mut readiness = Readiness::new();
    let mut over = futures.is_empty();
    for (index, future) in futures.iter().enumerate() {
        readiness.watch(index, future);
    }
    // All that are ready by now are listed, even if one would do, as in Python.
    let mut settle = |index: usize, over: &mut bool| {
        if !std::mem::replace(&mut done[index], true) {
            left -= 1;
            let failed = || !futures[index].successful().unwrap_or(true);
            *over |= left == 0
                || match when {
                    ReturnWhen::FirstCompleted => true,
                    ReturnWhen::FirstFailed => failed(),
                    ReturnWhen::AllCompleted => false,
                };
        }
    };
    loop {
        while let Some(index) = readiness.take() {
            if readiness.confirm(index, futures[index]) {
                settle(index, &mut over);
            }
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

/// The futures that may have become ready, in the order in which they did: each has a waker that
/// sends its position through a channel.
pub(super) struct Readiness {
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
    pub(super) fn new() -> Self {
        let (sender, receiver) = unbounded();
        Self { sender, receiver, wakers: Vec::new(), received: None }
    }

    /// Watches the next future. They come in order of `index`, from 0 on.
    pub(super) fn watch<R>(&mut self, index: usize, future: &AsyncResult<R>) {
        let waker = Waker::from(Arc::new(IndexWaker { index, sender: self.sender.clone() }));
        if !future.wake_when_ready(&waker) {
            waker.wake_by_ref();
        }
        self.wakers.push(waker);
    }

    /// Returns the position of a future that may have become ready.
    pub(super) fn take(&mut self) -> Option<usize> {
        self.received.take().or_else(|| self.receiver.try_recv().ok())
    }

    /// Returns whether the future is ready. Else it stays watched.
    pub(super) fn confirm<R>(&self, index: usize, future: &AsyncResult<R>) -> bool {
        self.wakers.get(index).is_none_or(|waker| !future.wake_when_ready(waker))
    }

    /// Sleeps until there is something to [take](Readiness::take). Returns `false` if the deadline
    /// came first.
    pub(super) fn sleep(&mut self, deadline: Option<Instant>) -> bool {
        self.received = match deadline {
            Some(deadline) => self.receiver.recv_deadline(deadline).ok(),
            None => self.receiver.recv().ok(),
        };
        self.received.is_some()
    }

    /// Stops watching a future.
    pub(super) fn forget<R>(&self, index: usize, future: &AsyncResult<R>) {
        if let Some(waker) = self.wakers.get(index) {
            future.forget_waker(waker);
        }
    }
}
