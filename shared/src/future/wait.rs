//! Waiting for several results.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, unbounded};

use crate::future::AsyncResult;

/// When [`wait_futures`](crate::wait_futures) returns. Python's counterparts are the constants of
/// `concurrent.futures` of these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReturnWhen {
    /// When any has ended, well or not, or was cancelled. Python: `FIRST_COMPLETED`.
    FirstCompleted,
    /// When any has failed (or was cancelled), or all have ended. Python: `FIRST_EXCEPTION`.
    FirstFailed,
    /// When all have ended. Python: `ALL_COMPLETED`.
    AllCompleted,
}

/// What [`wait_futures`](crate::wait_futures) found, as positions among the futures it was given,
/// in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waited {
    /// Those that have ended, well or not, and whose callbacks have run.
    pub done: Vec<usize>,
    /// The others.
    pub pending: Vec<usize>,
}

/// Waits for several results, of processes and threads alike, until `when` or until `patience` is
/// over; `None` waits as long as it takes. The results stay where they are. A future that is given
/// twice counts, and is told of, twice.
///
/// [`wait`](crate::wait()) is for connections and processes. Python's counterpart is
/// `concurrent.futures.wait`.
///
/// ```
/// use multiproc::{Pool, ReturnWhen, wait_futures};
///
/// # fn main() -> multiproc::Result<()> {
/// let pool = Pool::with_processes(2)?;
/// let futures: Vec<_> = (1..=3u64).map(|n| pool.apply_async(|n: u64| n * n, (n,))).collect();
/// let waited = wait_futures(&futures, ReturnWhen::AllCompleted, None);
/// assert_eq!(waited.done, [0, 1, 2]);
/// assert!(waited.pending.is_empty());
/// # Ok(()) }
/// ```
pub fn wait<'a, R: 'a>(
    futures: impl IntoIterator<Item = &'a AsyncResult<R>>,
    when: ReturnWhen,
    patience: Option<Duration>,
) -> Waited {
    let deadline = patience.and_then(|patience| Instant::now().checked_add(patience));
    let futures: Vec<_> = futures.into_iter().collect();
    let mut done = vec![false; futures.len()];
    let mut left = futures.len();
    let mut news = News::new();
    let mut over = futures.is_empty();
    for (index, future) in futures.iter().enumerate() {
        news.ask(index, future);
    }
    // Those that are ready by now are all told of, even if one would do, as Python has it.
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
        while let Some(index) = news.take() {
            if news.confirm(index, futures[index]) {
                settle(index, &mut over);
            }
        }
        if over || !news.sleep(deadline) {
            break;
        }
    }
    futures.iter().enumerate().for_each(|(index, future)| news.forget_one(index, future));
    let pick = |wanted: bool| (0..done.len()).filter(|index| done[*index] == wanted).collect();
    Waited { done: pick(true), pending: pick(false) }
}

/// Waits until all results are there. They stay where they are: take them with
/// [`get`](AsyncResult::get), which does not wait then.
///
/// ```
/// use multiproc::{Pool, wait_for_all};
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

/// Waits until any result is there; says which, by its position (the first of several). `None` if
/// there are no futures.
///
/// ```
/// use multiproc::{Pool, wait_for_any};
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

/// Which futures have something to tell, in the order of their news.
pub(super) struct News {
    sender: Sender<usize>,
    receiver: Receiver<usize>,
    /// What wakes this wait; so that none is left behind with a future that goes on.
    wakers: Vec<Waker>,
    /// What was heard while asleep.
    heard: Option<usize>,
}

struct Herald {
    index: usize,
    news: Sender<usize>,
}

impl Wake for Herald {
    fn wake(self: Arc<Self>) {
        // Nobody listens any more: nothing is lost.
        let _ = self.news.send(self.index);
    }
}

impl News {
    pub(super) fn new() -> Self {
        let (sender, receiver) = unbounded();
        Self { sender, receiver, wakers: Vec::new(), heard: None }
    }

    /// Asks the next future to tell when it is ready. They are asked in order of `index`, from 0
    /// on.
    pub(super) fn ask<R>(&mut self, index: usize, future: &AsyncResult<R>) {
        let waker = Waker::from(Arc::new(Herald { index, news: self.sender.clone() }));
        if !future.wake_when_ready(&waker) {
            waker.wake_by_ref();
        }
        self.wakers.push(waker);
    }

    /// Who has told something.
    pub(super) fn take(&mut self) -> Option<usize> {
        self.heard.take().or_else(|| self.receiver.try_recv().ok())
    }

    /// Whether a future that told something is ready; else it will tell again.
    pub(super) fn confirm<R>(&self, index: usize, future: &AsyncResult<R>) -> bool {
        self.wakers.get(index).is_none_or(|waker| !future.wake_when_ready(waker))
    }

    /// Sleeps until there is something to [take](News::take). `false` if the deadline came first.
    pub(super) fn sleep(&mut self, deadline: Option<Instant>) -> bool {
        self.heard = match deadline {
            Some(deadline) => self.receiver.recv_deadline(deadline).ok(),
            None => self.receiver.recv().ok(),
        };
        self.heard.is_some()
    }

    /// Has a future tell nothing more.
    pub(super) fn forget_one<R>(&self, index: usize, future: &AsyncResult<R>) {
        if let Some(waker) = self.wakers.get(index) {
            future.forget_waker(waker);
        }
    }
}
