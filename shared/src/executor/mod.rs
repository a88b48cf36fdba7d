//! The calls of every pool, and what they need of it.
//!
//! [`Executor`] has each call once, written with the few things that a [`backend`] provides: begin
//! a call, submit its tasks, wait for the results. [`source`] cuts items into chunks, [`imap`] is
//! the lazy iterator, and [`with_options`] holds what the caller sets for calls.

pub(crate) mod backend;
mod imap;
mod source;
#[cfg(feature = "stream")]
mod stream;
mod with_options;

pub use backend::Statistics;
pub(crate) use backend::{check_processes, check_reject, joined, still_open};
pub use imap::Imap;
#[cfg(feature = "tokio")]
pub(crate) use source::default_chunksize;
pub use with_options::WithOptions;

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use crate::error::Result;
use crate::executor::backend::{Backend, Call};
use crate::executor::source::{Source, check_end};
use crate::future::AsyncResult;
use crate::task::{Arguments, Task};

/// Runs functions in parallel: the calls of [`Pool`](crate::Pool) (on processes), of
/// [`ThreadPool`](crate::ThreadPool) (on threads) and of `MpiExecutor` (on the ranks of a cluster,
/// with the feature `mpi`).
///
/// Bring it into scope to make a call: `use multiproc::{Executor, Pool};`. A function that takes an
/// `&impl Executor` runs on any of them. It is sealed: no other crate can implement it.
///
/// | call | waits | returns |
/// |---|---|---|
/// | [`apply`](Executor::apply) | for the task | its result |
/// | [`map`](Executor::map), [`starmap`](Executor::starmap) | for all tasks | a vector of the results, or the first error |
/// | [`apply_async`](Executor::apply_async), [`submit`](Executor::submit) | no | an [`AsyncResult`], which is also a future |
/// | [`map_async`](Executor::map_async), [`starmap_async`](Executor::starmap_async) | no | an [`AsyncResult`] of all results |
/// | [`imap`](Executor::imap), [`imap_unordered`](Executor::imap_unordered) | for the next result | an iterator of results and errors |
///
/// Arguments and results are `Send`, because a task may run on another thread; see [`Task`].
///
/// ```
/// use multiproc::{Executor, Pool, ThreadPool, as_completed};
///
/// fn is_prime(n: u64) -> bool {
///     n > 1 && (2..).take_while(|d| d * d <= n).all(|d| n % d != 0)
/// }
///
/// fn count_primes(executor: &impl Executor) -> multiproc::Result<usize> {
///     let futures: Vec<_> = (1..=100u64).map(|n| executor.submit(is_prime, (n,))).collect();
///     let mut count = 0;
///     for (_, prime) in as_completed(futures, None) {
///         count += usize::from(prime?);
///     }
///     Ok(count)
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// assert_eq!(count_primes(&Pool::with_processes(2)?)?, 25);
/// assert_eq!(count_primes(&ThreadPool::with_processes(2)?)?, 25);
/// # Ok(()) }
/// ```
///
/// Python's counterparts: `multiprocessing.Pool` and `concurrent.futures.Executor`.
pub trait Executor: Backend {
    /// Returns the number of workers that the executor keeps, at the moment if their number
    /// [changes](crate::PoolBuilder::processes_between). Those of lost ranks do not count.
    fn processes(&self) -> usize;

    /// Takes no more tasks: every later call fails with [`Error::Closed`](crate::Error::Closed).
    /// What was taken is still done; then the workers end.
    ///
    /// Python's counterpart: `Pool.close`.
    fn close(&self);

    /// Waits until all tasks are done, their callbacks have run, and all workers have ended.
    ///
    /// # Errors
    /// [`Error::InvalidState`](crate::Error::InvalidState) if the executor is neither closed nor
    /// terminated: it would wait for ever.
    ///
    /// Python's counterpart: `Pool.join`.
    fn join(&self) -> Result<()>;

    /// Waits as [`join`](Executor::join) does, for at most `timeout`.
    ///
    /// # Errors
    /// [`Error::TimedOut`](crate::Error::TimedOut) if a task, a callback or a worker is left by
    /// then: all of them go on, and can be waited for again. Else those of
    /// [`join`](Executor::join). On a cluster the end of MPI itself, once all tasks are done, is
    /// waited for as long as it takes.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// use multiproc::{Error, Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::with_processes(1)?;
    /// let nap = pool.submit(|| std::thread::sleep(Duration::from_millis(50)), ());
    /// pool.close();
    /// let early = pool.join_timeout(Duration::ZERO);
    /// assert!(matches!(early, Err(Error::TimedOut { .. })));
    /// pool.join_timeout(Duration::from_secs(60))?;
    /// nap.get()
    /// # }
    /// ```
    ///
    /// Python has no counterpart: `Pool.join` takes no time limit.
    fn join_timeout(&self, timeout: Duration) -> Result<()>;

    /// Returns a future that waits as [`join`](Executor::join) does, in any runtime and without a
    /// thread of its own. Its last poll ends what the executor itself has (a process, threads) and
    /// waits for callbacks that still run, so keep those short.
    ///
    /// Dropping the future changes nothing: the executor goes on, and can be waited for again.
    ///
    /// # Errors
    /// As from [`join`](Executor::join).
    ///
    /// # Examples
    /// ```
    /// use multiproc::{Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::with_processes(1)?;
    /// let last = pool.submit(|n: u32| n + 1, (1,));
    /// pool.close();
    /// pollster::block_on(pool.closed())?;
    /// assert_eq!(last.get()?, 2);
    /// # Ok(()) }
    /// ```
    fn closed(&self) -> impl Future<Output = Result<()>> {
        poll_fn(|context| match self.wake_when_over(context.waker()) {
            true => Poll::Pending,
            false => Poll::Ready(self.join()),
        })
    }

    /// Ends the workers now. Tasks that are not done fail with
    /// [`Error::Cancelled`](crate::Error::Cancelled). No process and no thread of the executor is
    /// left when this returns; a thread cannot be stopped, so the task that it runs is waited for.
    ///
    /// Python's counterpart: `Pool.terminate`.
    fn terminate(&self);

    /// Cancels the tasks that have not begun: they fail with
    /// [`Error::Cancelled`](crate::Error::Cancelled). Of a chunk that has begun, a process runs the
    /// rest, too.
    ///
    /// Python's counterpart: the argument `cancel_futures` of `Executor.shutdown`.
    fn cancel_pending(&self);

    /// Returns what has become of the tasks so far.
    ///
    /// ```
    /// use multiproc::{Executor, ThreadPool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = ThreadPool::with_processes(2)?;
    /// pool.map(|n: u32| n * 2, 0..10u32)?;
    /// assert_eq!(pool.statistics().completed, 10);
    /// # Ok(()) }
    /// ```
    fn statistics(&self) -> Statistics;

    /// Takes no more tasks, and waits until those that were taken are done and all workers have
    /// ended. In a process that the executor does not belong to, it does nothing.
    ///
    /// Python's counterpart: `Executor.shutdown`.
    ///
    /// ```
    /// use multiproc::{Error, Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::with_processes(1)?;
    /// let taken = pool.submit(|n: u32| n + 1, (1,));
    /// pool.shutdown();
    /// assert_eq!(taken.get()?, 2);
    /// assert!(matches!(pool.submit(|n: u32| n + 1, (1,)).get(), Err(Error::Closed)));
    /// # Ok(()) }
    /// ```
    fn shutdown(&self) {
        self.close();
        // Closed as it is, only another process' executor refuses to be joined.
        let _ = self.join();
    }

    /// Runs `f(args…)` in a worker and waits for the result. `args` is a tuple, spread over the
    /// function's parameters.
    ///
    /// # Errors
    /// What became of the task: see [`Error`](crate::Error).
    ///
    /// ```
    /// use multiproc::{Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::with_processes(1)?;
    /// assert_eq!(pool.apply(|a: u32, b: u32| a + b, (1, 2))?, 3);
    ///
    /// fn divide(a: u32, b: u32) -> u32 {
    ///     a / b
    /// }
    /// let error = pool.apply(divide, (1, 0)).unwrap_err();
    /// assert!(error.to_string().contains("divide by zero"));
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterpart: `Pool.apply`.
    fn apply<F, Args>(&self, f: F, args: Args) -> Result<F::Output>
    where
        F: Task<Args>,
        Args: Arguments,
    {
        let call = self.begin(f, true)?;
        call.submit_one(args);
        call.wait_one()
    }

    /// Submits `f(args…)` and returns at once. Every failure, also one of submitting, reaches
    /// [`AsyncResult::get`].
    ///
    /// ```
    /// use multiproc::{Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::with_processes(1)?;
    /// let answer = pool.apply_async(|a: u32, b: u32| a * b, (6, 7));
    /// // … other work meanwhile …
    /// assert_eq!(answer.get()?, 42);
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterpart: `Pool.apply_async`.
    fn apply_async<F, Args>(&self, f: F, args: Args) -> AsyncResult<F::Output>
    where
        F: Task<Args>,
        Args: Arguments,
    {
        match self.begin(f, true) {
            Ok(call) => {
                call.submit_one(args);
                call.into_one()
            }
            Err(error) => self.failed(error),
        }
    }

    /// Submits `f(args…)` and returns at once: [`apply_async`](Executor::apply_async) by the name
    /// that it has in Python's `concurrent.futures`.
    fn submit<F, Args>(&self, f: F, args: Args) -> AsyncResult<F::Output>
    where
        F: Task<Args>,
        Args: Arguments,
    {
        self.apply_async(f, args)
    }

    /// Runs `f` on each item and waits for all results, in the items' order.
    ///
    /// The items are grouped into chunks, four a worker; see
    /// [`with_chunksize`](Executor::with_chunksize).
    ///
    /// # Errors
    /// That of the first item, in order, that failed. The others are still run. To have every
    /// item's own result or error, use [`imap`](Executor::imap).
    /// [`Error::Config`](crate::Error::Config) if the source reports that it has no end, as `0..`
    /// does.
    ///
    /// ```
    /// use multiproc::{Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::with_processes(2)?;
    /// assert_eq!(pool.map(|n: u32| n * 2, 0..5u32)?, [0, 2, 4, 6, 8]);
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterpart: `Pool.map`.
    fn map<F, I>(&self, f: F, items: I) -> Result<Vec<F::Output>>
    where
        I: IntoIterator,
        (I::Item,): Arguments,
        F: Task<(I::Item,)>,
    {
        self.starmap(f, items.into_iter().map(|item| (item,)))
    }

    /// Runs `f` on each item, a tuple that is spread over its parameters, and waits for all
    /// results; else like [`map`](Executor::map).
    ///
    /// ```
    /// use multiproc::{Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::with_processes(2)?;
    /// let sums = pool.starmap(|a: u32, b: u32| a + b, (0..3u32).map(|i| (i, 2 * i)))?;
    /// assert_eq!(sums, [0, 3, 6]);
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterpart: `Pool.starmap`.
    fn starmap<F, I>(&self, f: F, items: I) -> Result<Vec<F::Output>>
    where
        I: IntoIterator,
        I::Item: Arguments,
        F: Task<I::Item>,
    {
        let items = items.into_iter();
        self.check()?;
        check_end(&items)?;
        let call = self.begin(f, true)?;
        let (items, len, chunksize) = Source::plan(items, self.options().chunksize(), self.breadth());
        call.submit_all(items, chunksize);
        call.wait_all(len)
    }

    /// Submits `f` for each item, and returns as soon as the items have been taken; else like
    /// [`map`](Executor::map).
    ///
    /// ```
    /// use multiproc::{Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::with_processes(2)?;
    /// let doubled = pool.map_async(|n: u32| n * 2, 0..3u32);
    /// assert_eq!(doubled.get()?, [0, 2, 4]);
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterpart: `Pool.map_async`.
    fn map_async<F, I>(&self, f: F, items: I) -> AsyncResult<Vec<F::Output>>
    where
        I: IntoIterator,
        (I::Item,): Arguments,
        F: Task<(I::Item,)>,
    {
        self.starmap_async(f, items.into_iter().map(|item| (item,)))
    }

    /// Submits `f` for each item, a tuple that is spread over its parameters, and returns as soon
    /// as the items have been taken; else like [`starmap`](Executor::starmap).
    ///
    /// ```
    /// use multiproc::{Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::with_processes(2)?;
    /// let sums = pool.starmap_async(|a: u32, b: u32| a + b, [(1, 2), (3, 4)]);
    /// assert_eq!(sums.get()?, [3, 7]);
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterpart: `Pool.starmap_async`.
    fn starmap_async<F, I>(&self, f: F, items: I) -> AsyncResult<Vec<F::Output>>
    where
        I: IntoIterator,
        I::Item: Arguments,
        F: Task<I::Item>,
    {
        let items = items.into_iter();
        let call = match self.check().and_then(|()| check_end(&items)).and_then(|()| self.begin(f, true)) {
            Ok(call) => call,
            Err(error) => return self.failed(error),
        };
        let (items, _, chunksize) = Source::plan(items, self.options().chunksize(), self.breadth());
        call.submit_all(items, chunksize);
        call.into_all()
    }

    /// Runs `f` on each item, lazily: returns an iterator of each item's result or error, in the
    /// items' order.
    ///
    /// Items are taken from their source only as results are taken from the iterator, so that a
    /// bounded number of them (see [`with_window`](Executor::with_window)) is under way at a time,
    /// and the source may be endless. The source runs on the caller's thread. Dropping the iterator
    /// drops what has not begun.
    ///
    /// ```
    /// use multiproc::{Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::with_processes(2)?;
    /// for (n, square) in (0u64..).zip(pool.imap(|n: u64| n * n, 0u64..)).take(100) {
    ///     assert_eq!(square?, n * n);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterpart: `Pool.imap`, which takes all items at once.
    fn imap<F, I>(&self, f: F, items: I) -> Imap<I::IntoIter, F::Output>
    where
        I: IntoIterator,
        (I::Item,): Arguments,
        F: Task<(I::Item,)>,
    {
        Imap::begin(self, f, items.into_iter(), true)
    }

    /// Runs `f` on each item, lazily, and returns an iterator of the results as they come; else
    /// like [`imap`](Executor::imap).
    ///
    /// ```
    /// use multiproc::{Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::with_processes(2)?;
    /// let squares = pool.imap_unordered(|n: u64| n * n, 0..4u64);
    /// assert_eq!(squares.sum::<multiproc::Result<u64>>()?, 14);
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterpart: `Pool.imap_unordered`.
    fn imap_unordered<F, I>(&self, f: F, items: I) -> Imap<I::IntoIter, F::Output>
    where
        I: IntoIterator,
        (I::Item,): Arguments,
        F: Task<(I::Item,)>,
    {
        Imap::begin(self, f, items.into_iter(), false)
    }

    /// Returns the executor with tasks sent in chunks of `chunksize` (at least 1). Large chunks
    /// cost less a task, small ones balance better.
    ///
    /// ```
    /// use multiproc::{Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::with_processes(2)?;
    /// let words = (0..100).map(|n| n.to_string());
    /// let lengths = pool.with_chunksize(10).map(|word: String| word.len(), words)?;
    /// assert_eq!(lengths.iter().sum::<usize>(), 190);
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterpart: the argument `chunksize`.
    fn with_chunksize(&self, chunksize: usize) -> WithOptions<'_, Self> {
        WithOptions::new(self).with_chunksize(chunksize)
    }

    /// Returns the executor with up to `window` items (at least 1) of a lazy call taken from their
    /// source and not yet returned. If it is not set, there is room for four chunks a worker, and
    /// for 256 items at least (4,096 on a cluster, where a trip takes longer).
    fn with_window(&self, window: usize) -> WithOptions<'_, Self> {
        WithOptions::new(self).with_window(window)
    }
}
