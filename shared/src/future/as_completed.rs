//! Yields results in the order in which they come.

use std::fmt;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::future::AsyncResult;
use crate::future::wait_several::Readiness;
use crate::sys::pid::Owner;

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
                return self.yielded(index, Err(Error::TimedOut { after: self.timeout, pid: None }));
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
