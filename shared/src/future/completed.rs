//! Results in the order in which they come.

use std::fmt;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::future::AsyncResult;
use crate::future::wait::News;
use crate::sys::pid::Owner;

/// Results as they come; made by [`as_completed`].
#[must_use = "the results come as the iterator is advanced"]
pub struct AsCompleted<R> {
    /// `None` where the result was given.
    futures: Vec<Option<AsyncResult<R>>>,
    left: usize,
    /// Those before it were given.
    first: usize,
    news: News,
    patience: Duration,
    deadline: Option<Instant>,
    owner: Owner,
}

/// Results, of processes and threads alike, in the order in which they come: an iterator of each
/// future's position among `futures` and its result. `patience` counts from now, for all together;
/// when it is over, each that is left is [`Error::TimedOut`] in its turn, and its task goes on
/// ([`into_pending`](AsCompleted::into_pending) before that gives them back). `None` waits as long
/// as it takes.
///
/// Python's counterpart is `concurrent.futures.as_completed`. There a future given twice is yielded
/// once; here the handles are given away, so that none can be given twice.
///
/// ```
/// use multiproc::{Pool, as_completed};
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
pub fn as_completed<R>(
    futures: impl IntoIterator<Item = AsyncResult<R>>,
    patience: Option<Duration>,
) -> AsCompleted<R> {
    let deadline = patience.and_then(|patience| Instant::now().checked_add(patience));
    let futures: Vec<_> = futures.into_iter().map(Some).collect();
    let mut news = News::new();
    for (index, future) in futures.iter().flatten().enumerate() {
        news.ask(index, future);
    }
    let patience = patience.unwrap_or_default();
    AsCompleted { left: futures.len(), first: 0, futures, news, patience, deadline, owner: Owner::here() }
}

impl<R> AsCompleted<R> {
    /// The futures that were not yielded, with their positions.
    pub fn into_pending(mut self) -> Vec<(usize, AsyncResult<R>)> {
        // What is left of `self` then has no futures to say goodbye to.
        self.say_goodbye();
        let futures = std::mem::take(&mut self.futures);
        futures.into_iter().enumerate().filter_map(|(index, future)| Some((index, future?))).collect()
    }

    fn say_goodbye(&self) {
        for (index, future) in self.futures.iter().enumerate() {
            if let Some(future) = future {
                self.news.forget_one(index, future);
            }
        }
    }

    /// Takes what has come out of the list.
    fn finish(&mut self, index: usize, result: Result<R>) -> Option<(usize, Result<R>)> {
        self.left -= 1;
        Some((index, result))
    }
}

impl<R> Iterator for AsCompleted<R> {
    type Item = (usize, Result<R>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 {
            if !self.owner.is_here() {
                // Nobody tells anything here; each future has its error.
                let index = self.futures.iter().position(Option::is_some)?;
                let result = self.futures[index].take()?.take_result();
                return self.finish(index, result);
            }
            while let Some(index) = self.news.take() {
                let Some(future) = &self.futures[index] else { continue };
                if self.news.confirm(index, future)
                    && let Some(mut future) = self.futures[index].take()
                {
                    return self.finish(index, future.take_result());
                }
            }
            if !self.news.sleep(self.deadline) {
                self.first += self.futures[self.first..].iter().position(Option::is_some)?;
                let index = self.first;
                if let Some(future) = self.futures[index].take() {
                    self.news.forget_one(index, &future);
                }
                return self.finish(index, Err(Error::TimedOut { after: self.patience, pid: None }));
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
        self.say_goodbye();
    }
}

impl<R> fmt::Debug for AsCompleted<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.left).finish_non_exhaustive()
    }
}
