//! The pool's calls, without settings for batches: see [`Batched`] for those.

use crate::error::Result;
use crate::future::{AsyncResult, take_one};
use crate::pool::batched::Batched;
use crate::pool::feed::submit_one;
use crate::pool::{Imap, Pool};
use crate::task::{Arguments, Task};

impl Pool {
    /// Runs `f(args…)` in a worker and waits for the result. `args` is a tuple, spread over the
    /// function's parameters.
    ///
    /// Python's counterpart is `Pool.apply`.
    ///
    /// # Errors
    /// What became of the task: see [`Error`](crate::Error).
    ///
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = multiproc::Pool::with_processes(1)?;
    /// assert_eq!(pool.apply(|a: u32, b: u32| a + b, (1, 2))?, 3);
    ///
    /// fn divide(a: u32, b: u32) -> u32 {
    ///     a / b
    /// }
    /// let error = pool.apply(divide, (1, 0)).unwrap_err();
    /// assert!(error.to_string().contains("divide by zero"));
    /// # Ok(()) }
    /// ```
    pub fn apply<F: Task<Args>, Args: Arguments>(&self, f: F, args: Args) -> Result<F::Output> {
        self.engine.check()?;
        let job = self.engine.job(f.prepare()?, true);
        submit_one(&self.engine, &job, args);
        self.engine.wait_done(&job, None);
        // The arguments' own code may have forked.
        self.engine.check()?;
        let result = take_one(&job);
        self.engine.forget(&job);
        result
    }

    /// Runs `f` on each item and waits for all results, in the items' order.
    ///
    /// The items are grouped into chunks, four a worker; see
    /// [`with_chunksize`](Pool::with_chunksize). Python's counterpart is `Pool.map`.
    ///
    /// # Errors
    /// That of the first item, in order, that failed. The others are still run. To have every
    /// item's own result or error, use [`imap`](Pool::imap).
    /// [`Error::Config`](crate::Error::Config) if the source says of itself that it has no end, as
    /// `0..` does.
    ///
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = multiproc::Pool::with_processes(2)?;
    /// assert_eq!(pool.map(|n: u32| n * 2, 0..5u32)?, [0, 2, 4, 6, 8]);
    /// # Ok(()) }
    /// ```
    pub fn map<F, I>(&self, f: F, items: I) -> Result<Vec<F::Output>>
    where
        I: IntoIterator,
        (I::Item,): Arguments,
        F: Task<(I::Item,)>,
    {
        Batched::new(&self.engine).map(f, items)
    }

    /// As [`map`](Pool::map), but each item is a tuple of arguments, spread over the function's
    /// parameters.
    ///
    /// Python's counterpart is `Pool.starmap`.
    ///
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = multiproc::Pool::with_processes(2)?;
    /// let sums = pool.starmap(|a: u32, b: u32, c: u32| a + b + c, (0..3u32).map(|i| (i, 2 * i, 3 * i)))?;
    /// assert_eq!(sums, [0, 6, 12]);
    /// # Ok(()) }
    /// ```
    pub fn starmap<F, I>(&self, f: F, items: I) -> Result<Vec<F::Output>>
    where
        I: IntoIterator,
        I::Item: Arguments,
        F: Task<I::Item>,
    {
        Batched::new(&self.engine).starmap(f, items)
    }

    /// Has `f(args…)` run in a worker, and returns at once. Every failure, also one of submitting,
    /// reaches [`AsyncResult::get`]. Python's counterpart is `Pool.apply_async`.
    ///
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = multiproc::Pool::with_processes(1)?;
    /// let answer = pool.apply_async(|a: u32, b: u32| a * b, (6, 7));
    /// // … other work meanwhile …
    /// assert_eq!(answer.get()?, 42);
    /// # Ok(()) }
    /// ```
    pub fn apply_async<F: Task<Args>, Args: Arguments>(&self, f: F, args: Args) -> AsyncResult<F::Output> {
        let job = match self.engine.check().and_then(|()| f.prepare()) {
            Ok(prepared) => self.engine.job(prepared, true),
            Err(error) => return AsyncResult::failed(&self.engine, error),
        };
        submit_one(&self.engine, &job, args);
        self.engine.supervise(false);
        AsyncResult::one(self.engine.clone(), job)
    }

    /// As [`map`](Pool::map), but returns as soon as the items have been taken. Python's
    /// counterpart is `Pool.map_async`.
    pub fn map_async<F, I>(&self, f: F, items: I) -> AsyncResult<Vec<F::Output>>
    where
        I: IntoIterator,
        (I::Item,): Arguments,
        F: Task<(I::Item,)>,
    {
        Batched::new(&self.engine).map_async(f, items)
    }

    /// As [`starmap`](Pool::starmap), but returns as soon as the items have been taken. Python's
    /// counterpart is `Pool.starmap_async`.
    pub fn starmap_async<F, I>(&self, f: F, items: I) -> AsyncResult<Vec<F::Output>>
    where
        I: IntoIterator,
        I::Item: Arguments,
        F: Task<I::Item>,
    {
        Batched::new(&self.engine).starmap_async(f, items)
    }

    /// Runs `f` on each item, lazily: an iterator of each item's result or error, in the items'
    /// order.
    ///
    /// Items are taken from their source only as results are taken from the iterator, so that a
    /// bounded number of them (see [`with_window`](Pool::with_window)) is under way at a time,
    /// and the source may be endless. The source runs on the caller's thread. Dropping the
    /// iterator drops what has not begun.
    ///
    /// Python's counterpart is `Pool.imap`, which takes all items at once.
    ///
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = multiproc::Pool::with_processes(2)?;
    /// for (n, square) in (0u64..).zip(pool.imap(|n: u64| n * n, 0u64..)).take(100) {
    ///     assert_eq!(square?, n * n);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn imap<F, I>(&self, f: F, items: I) -> Imap<I::IntoIter, F::Output>
    where
        I: IntoIterator,
        (I::Item,): Arguments,
        F: Task<(I::Item,)>,
    {
        Batched::new(&self.engine).imap(f, items)
    }

    /// As [`imap`](Pool::imap), but each result comes as soon as it is there. Python's counterpart
    /// is `Pool.imap_unordered`.
    pub fn imap_unordered<F, I>(&self, f: F, items: I) -> Imap<I::IntoIter, F::Output>
    where
        I: IntoIterator,
        (I::Item,): Arguments,
        F: Task<(I::Item,)>,
    {
        Batched::new(&self.engine).imap_unordered(f, items)
    }

    /// The same calls with tasks sent in batches of `chunksize` (at least 1). Large chunks cost
    /// less a task, small ones balance better. Python's counterpart is the argument
    /// `chunksize`.
    ///
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = multiproc::Pool::with_processes(2)?;
    /// let lengths = pool.with_chunksize(10).map(|text: String| text.len(), (0..100).map(|n| n.to_string()))?;
    /// assert_eq!(lengths.iter().sum::<usize>(), 190);
    /// # Ok(()) }
    /// ```
    pub fn with_chunksize(&self, chunksize: usize) -> Batched<'_> {
        Batched::new(&self.engine).with_chunksize(chunksize)
    }

    /// The same lazy calls with up to `window` items (at least 1) taken from their source and not
    /// yet returned. If not set, it is room for four chunks a worker, and for 256 items at
    /// least. Beyond Python.
    pub fn with_window(&self, window: usize) -> Batched<'_> {
        Batched::new(&self.engine).with_window(window)
    }
}
