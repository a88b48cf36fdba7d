//! The calls of a pool of threads; see [`ThreadBatched`] for those with settings.

use std::sync::Arc;

use crate::error::Result;
use crate::future::AsyncResult;
use crate::task::{Arguments, Task};
use crate::threads::batched::ThreadBatched;
use crate::threads::job::{ByThreads, Job, take_one};
use crate::threads::{ThreadImap, ThreadPool};

/// Each call does what that of the same name of [`Pool`](crate::Pool) does, on threads.
impl ThreadPool {
    /// Runs `f(args…)` in a thread and waits for the result; see
    /// [`Pool::apply`](crate::Pool::apply).
    ///
    /// # Errors
    /// What became of the task: see [`Error`](crate::Error).
    ///
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = multiproc::ThreadPool::with_processes(1)?;
    /// assert_eq!(pool.apply(|a: u32, b: u32| a + b, (1, 2))?, 3);
    ///
    /// fn divide(a: u32, b: u32) -> u32 {
    ///     a / b
    /// }
    /// let error = pool.apply(divide, (1, 0)).unwrap_err();
    /// assert!(error.to_string().contains("divide by zero"));
    /// # Ok(()) }
    /// ```
    pub fn apply<F, Args>(&self, f: F, args: Args) -> Result<F::Output>
    where
        F: Task<Args> + Send + Sync,
        Args: Arguments + Send,
        F::Output: Send,
    {
        self.crew().check()?;
        let job = self.begin(f, args);
        job.wait_done(None);
        take_one(&job)
    }

    /// Has `f(args…)` run in a thread, and returns at once; see
    /// [`Pool::apply_async`](crate::Pool::apply_async).
    ///
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = multiproc::ThreadPool::with_processes(1)?;
    /// let answer = pool.apply_async(|a: u32, b: u32| a * b, (6, 7));
    /// assert_eq!(answer.get()?, 42);
    /// # Ok(()) }
    /// ```
    pub fn apply_async<F, Args>(&self, f: F, args: Args) -> AsyncResult<F::Output>
    where
        F: Task<Args> + Send + Sync,
        Args: Arguments + Send,
        F::Output: Send,
    {
        if self.crew().check().is_err() {
            return AsyncResult::elsewhere(self.crew().owner());
        }
        AsyncResult::of(self.crew().owner(), Arc::new(ByThreads { job: self.begin(f, args), take: take_one }))
    }

    fn begin<F, Args>(&self, f: F, args: Args) -> Arc<Job<F::Output>>
    where
        F: Task<Args> + Send + Sync,
        Args: Arguments + Send,
        F::Output: Send,
    {
        let job = Job::new(self.crew().clone(), true);
        job.submit(&Arc::new(f), vec![args]);
        job.seal();
        job
    }

    /// Runs `f` on each item and waits for all results, in the items' order; see
    /// [`Pool::map`](crate::Pool::map).
    ///
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = multiproc::ThreadPool::with_processes(2)?;
    /// assert_eq!(pool.map(|n: u32| n * 2, 0..5u32)?, [0, 2, 4, 6, 8]);
    /// # Ok(()) }
    /// ```
    pub fn map<F, I>(&self, f: F, items: I) -> Result<Vec<F::Output>>
    where
        I: IntoIterator,
        (I::Item,): Arguments + Send,
        F: Task<(I::Item,)> + Send + Sync,
        F::Output: Send,
    {
        ThreadBatched::new(self).map(f, items)
    }

    /// As [`map`](ThreadPool::map), but each item is a tuple of arguments; see
    /// [`Pool::starmap`](crate::Pool::starmap).
    ///
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = multiproc::ThreadPool::with_processes(2)?;
    /// assert_eq!(pool.starmap(|a: u32, b: u32| a + b, [(1, 2), (3, 4)])?, [3, 7]);
    /// # Ok(()) }
    /// ```
    pub fn starmap<F, I>(&self, f: F, items: I) -> Result<Vec<F::Output>>
    where
        I: IntoIterator,
        I::Item: Arguments + Send,
        F: Task<I::Item> + Send + Sync,
        F::Output: Send,
    {
        ThreadBatched::new(self).starmap(f, items)
    }

    /// As [`map`](ThreadPool::map), but returns as soon as the items have been taken; see
    /// [`Pool::map_async`](crate::Pool::map_async).
    ///
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = multiproc::ThreadPool::with_processes(2)?;
    /// assert_eq!(pool.map_async(|n: u32| n * 2, 0..3u32).get()?, [0, 2, 4]);
    /// # Ok(()) }
    /// ```
    pub fn map_async<F, I>(&self, f: F, items: I) -> AsyncResult<Vec<F::Output>>
    where
        I: IntoIterator,
        (I::Item,): Arguments + Send,
        F: Task<(I::Item,)> + Send + Sync,
        F::Output: Send,
    {
        ThreadBatched::new(self).map_async(f, items)
    }

    /// As [`starmap`](ThreadPool::starmap), but returns as soon as the items have been taken; see
    /// [`Pool::starmap_async`](crate::Pool::starmap_async).
    ///
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = multiproc::ThreadPool::with_processes(2)?;
    /// assert_eq!(pool.starmap_async(|a: u32, b: u32| a + b, [(1, 2)]).get()?, [3]);
    /// # Ok(()) }
    /// ```
    pub fn starmap_async<F, I>(&self, f: F, items: I) -> AsyncResult<Vec<F::Output>>
    where
        I: IntoIterator,
        I::Item: Arguments + Send,
        F: Task<I::Item> + Send + Sync,
        F::Output: Send,
    {
        ThreadBatched::new(self).starmap_async(f, items)
    }

    /// Runs `f` on each item, lazily: an iterator of each item's result or error, in the items'
    /// order; see [`Pool::imap`](crate::Pool::imap).
    ///
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = multiproc::ThreadPool::with_processes(2)?;
    /// for (n, square) in (0u64..).zip(pool.imap(|n: u64| n * n, 0u64..)).take(100) {
    ///     assert_eq!(square?, n * n);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn imap<F, I>(&self, f: F, items: I) -> ThreadImap<I::IntoIter, F::Output>
    where
        I: IntoIterator,
        (I::Item,): Arguments + Send,
        F: Task<(I::Item,)> + Send + Sync,
        F::Output: Send,
    {
        ThreadBatched::new(self).imap(f, items)
    }

    /// As [`imap`](ThreadPool::imap), but each result comes as soon as it is there; see
    /// [`Pool::imap_unordered`](crate::Pool::imap_unordered).
    ///
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = multiproc::ThreadPool::with_processes(2)?;
    /// let sum: u64 = pool.imap_unordered(|n: u64| n * n, 0..4u64).sum::<multiproc::Result<u64>>()?;
    /// assert_eq!(sum, 14);
    /// # Ok(()) }
    /// ```
    pub fn imap_unordered<F, I>(&self, f: F, items: I) -> ThreadImap<I::IntoIter, F::Output>
    where
        I: IntoIterator,
        (I::Item,): Arguments + Send,
        F: Task<(I::Item,)> + Send + Sync,
        F::Output: Send,
    {
        ThreadBatched::new(self).imap_unordered(f, items)
    }

    /// The same calls with tasks taken in batches of `chunksize` (at least 1); see
    /// [`Pool::with_chunksize`](crate::Pool::with_chunksize).
    ///
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = multiproc::ThreadPool::with_processes(2)?;
    /// assert_eq!(pool.with_chunksize(2).map(|n: u32| n * 2, 0..3u32)?, [0, 2, 4]);
    /// # Ok(()) }
    /// ```
    pub fn with_chunksize(&self, chunksize: usize) -> ThreadBatched<'_> {
        ThreadBatched::new(self).with_chunksize(chunksize)
    }

    /// The same lazy calls with up to `window` items (at least 1) taken from their source and not
    /// yet returned; see [`Pool::with_window`](crate::Pool::with_window).
    pub fn with_window(&self, window: usize) -> ThreadBatched<'_> {
        ThreadBatched::new(self).with_window(window)
    }
}
