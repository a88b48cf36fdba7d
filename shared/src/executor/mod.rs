//! The calls of every pool, and what they need of it.
//!
//! [`Executor`] has each call once, written with the few things that a [`backend`] provides: begin
//! a call, submit its tasks, wait for the results. [`source`] has the items, [`chunk_sizes`] the
//! size of each of their chunks, [`imap`] is the lazy iterator, whose [`window`] bounds what is
//! under way, [`with_options`] an executor with [options](call_options) for its calls, and
//! [`pool_settings`] has what all builders of pools have.

pub(crate) mod backend;
mod call_options;
mod chunk_sizes;
mod imap;
mod indexed;
mod pool_settings;
mod source;
mod statistics;
#[cfg(feature = "stream")]
mod stream;
mod window;
mod with_options;

pub(crate) use backend::{joined, still_open};
pub(crate) use call_options::CallOptions;
pub(crate) use chunk_sizes::ChunkSizes;
#[cfg(feature = "tokio")]
pub(crate) use chunk_sizes::default_chunksize;
pub use imap::Imap;
pub use indexed::Indexed;
pub(crate) use pool_settings::{PoolSettings, check_processes};
pub use statistics::Statistics;
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
/// | [`apply`] | for the task | its result |
/// | [`map`], [`starmap`] | for all tasks | a vector of the results, or the first error |
/// | [`map_results`], [`starmap_results`] | for all tasks | a vector of each result or error |
/// | [`apply_async`], [`submit`] | no | an [`AsyncResult`], which is also a future |
/// | [`map_async`], [`starmap_async`] | no | an [`AsyncResult`] of all results |
/// | [`map_results_async`], [`starmap_results_async`] | no | one of each result or error |
/// | [`imap`], [`imap_unordered`] | for the next result | an iterator of results and errors |
///
/// [`apply`]: Executor::apply
/// [`map`]: Executor::map
/// [`starmap`]: Executor::starmap
/// [`map_results`]: Executor::map_results
/// [`starmap_results`]: Executor::starmap_results
/// [`apply_async`]: Executor::apply_async
/// [`submit`]: Executor::submit
/// [`map_async`]: Executor::map_async
/// [`starmap_async`]: Executor::starmap_async
/// [`map_results_async`]: Executor::map_results_async
/// [`starmap_results_async`]: Executor::starmap_results_async
/// [`imap`]: Executor::imap
/// [`imap_unordered`]: Executor::imap_unordered
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
#[doc(alias("multiprocessing"))]
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
    #[doc(alias("kill_workers", "terminate_workers"))]
    fn terminate(&self);

    /// Cancels the tasks that have not begun: they fail with
    /// [`Error::Cancelled`](crate::Error::Cancelled). Of a chunk that has begun, a process runs the
    /// rest, too.
    ///
    /// Python's counterpart: the argument `cancel_futures` of `Executor.shutdown`.
    #[doc(alias("cancel_futures"))]
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
        let call = self.begin(f, true, self.options())?;
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
        match self.begin(f, true, self.options()) {
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
    /// The items are grouped into chunks, four a worker. If these had more than 64 items, there are
    /// more of them: the first ones have one item, the next ones grow, and the last ones shrink to
    /// one item again. So all workers begin at once and end together, wherever in the list the long
    /// tasks are. [`with_chunksize`](Executor::with_chunksize) sets another size, for all.
    ///
    /// # Errors
    /// That of the first item, in order, that failed. The others are still run, and their results
    /// dropped. To have every item's own result or error, use
    /// [`map_results`](Executor::map_results), or [`imap`](Executor::imap).
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
        let (call, len) = submit_all(self, f, items.into_iter())?;
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
        match submit_all(self, f, items.into_iter()) {
            Ok((call, _)) => call.into_all(),
            Err(error) => self.failed(error),
        }
    }

    /// Runs `f` on each item and waits for all of them. Returns each item's own result or error, in
    /// the items' order, so that what succeeded is kept when a task fails or its worker is lost;
    /// else like [`map`](Executor::map).
    ///
    /// # Errors
    /// Only those of a call that could not begin. A pool that is closed, or closes meanwhile, fails
    /// the items one by one.
    ///
    /// ```
    /// use multiproc::{Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::with_processes(2)?;
    /// let results = pool.map_results(|n: u32| 100 / n, [1, 0, 4])?;
    /// assert!(matches!(results[..], [Ok(100), Err(_), Ok(25)]));
    /// # Ok(()) }
    /// ```
    ///
    /// Python has no counterpart: its `Pool.map` raises the first error and drops the results.
    fn map_results<F, I>(&self, f: F, items: I) -> Result<Vec<Result<F::Output>>>
    where
        I: IntoIterator,
        (I::Item,): Arguments,
        F: Task<(I::Item,)>,
    {
        self.starmap_results(f, items.into_iter().map(|item| (item,)))
    }

    /// Runs `f` on each item, a tuple that is spread over its parameters; else like
    /// [`map_results`](Executor::map_results).
    fn starmap_results<F, I>(&self, f: F, items: I) -> Result<Vec<Result<F::Output>>>
    where
        I: IntoIterator,
        I::Item: Arguments,
        F: Task<I::Item>,
    {
        let (call, len) = submit_all(self, f, items.into_iter())?;
        call.wait_each(len)
    }

    /// Submits `f` for each item, and returns as soon as the items have been taken. The handle's
    /// result is each item's own result or error; else like [`map_results`](Executor::map_results).
    /// [`cancel`](AsyncResult::cancel) keeps what has come by then, and the rest are
    /// [`Error::Cancelled`](crate::Error::Cancelled); [`successful`](AsyncResult::successful)
    /// returns whether all succeeded.
    ///
    /// ```
    /// use multiproc::{Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::with_processes(2)?;
    /// let results = pool.map_results_async(|n: u32| 100 / n, [1, 0, 4]).get()?;
    /// assert_eq!(results.into_iter().flatten().sum::<u32>(), 125);
    /// # Ok(()) }
    /// ```
    fn map_results_async<F, I>(&self, f: F, items: I) -> AsyncResult<Vec<Result<F::Output>>>
    where
        I: IntoIterator,
        (I::Item,): Arguments,
        F: Task<(I::Item,)>,
    {
        self.starmap_results_async(f, items.into_iter().map(|item| (item,)))
    }

    /// Submits `f` for each item, a tuple that is spread over its parameters; else like
    /// [`map_results_async`](Executor::map_results_async).
    fn starmap_results_async<F, I>(&self, f: F, items: I) -> AsyncResult<Vec<Result<F::Output>>>
    where
        I: IntoIterator,
        I::Item: Arguments,
        F: Task<I::Item>,
    {
        match submit_all(self, f, items.into_iter()) {
            Ok((call, _)) => call.into_each(),
            Err(error) => self.failed(error),
        }
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
    /// Python's counterpart: `Pool.imap`, which takes items ahead of the results without a bound.
    fn imap<F, I>(&self, f: F, items: I) -> Imap<I::IntoIter, F::Output>
    where
        I: IntoIterator,
        (I::Item,): Arguments,
        F: Task<(I::Item,)>,
    {
        Imap::begin(self, f, items.into_iter(), true)
    }

    /// Runs `f` on each item, lazily, and returns an iterator of the results as they come; else
    /// like [`imap`](Executor::imap). [`Imap::indexed`] says which item each result is of.
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
    #[doc(alias("chunksize"))]
    fn with_chunksize(&self, chunksize: usize) -> WithOptions<'_, Self> {
        WithOptions::new(self).with_chunksize(chunksize)
    }

    /// Returns the executor with up to `window` items (at least 1) of a lazy call taken from their
    /// source and not yet returned. If it is not set, there is room for four chunks a worker, and
    /// for 256 items at least (4,096 on a cluster, where a trip takes longer); where arguments and
    /// results are encoded, those beyond four chunks a worker only as far as all have 64 MiB at
    /// most.
    #[doc(alias("buffersize"))]
    fn with_window(&self, window: usize) -> WithOptions<'_, Self> {
        WithOptions::new(self).with_window(window)
    }

    /// Returns the executor with a time limit for the tasks of each call: one that runs for longer
    /// than `timeout` is ended, together with its worker, with
    /// [`Error::TimedOut`](crate::Error::TimedOut). The other tasks go on, and the worker is
    /// replaced.
    ///
    /// It is [`PoolBuilder::task_timeout`](crate::PoolBuilder::task_timeout) for these calls, and
    /// takes that setting's place whether it is shorter or longer. The time counts from when a task
    /// begins in its worker; that it waits for one does not count, nor do the others of its chunk.
    /// To wait for a limited time and let the task go on, use
    /// [`AsyncResult::get_timeout`](AsyncResult::get_timeout).
    ///
    /// # Errors
    /// Every call returns [`Error::Config`](crate::Error::Config) if `timeout` is 0, and on a
    /// [`ThreadPool`](crate::ThreadPool), because a thread cannot be stopped.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use multiproc::{Error, Executor, Pool};
    ///
    /// fn nap(milliseconds: u64) -> u64 {
    ///     std::thread::sleep(Duration::from_millis(milliseconds));
    ///     milliseconds
    /// }
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::with_processes(2)?;
    /// let impatient = pool.with_timeout(Duration::from_millis(500));
    /// let results: Vec<_> = impatient.imap(nap, [0, 3_600_000, 1]).collect();
    /// assert!(matches!(results[..], [Ok(0), Err(Error::TimedOut { .. }), Ok(1)]));
    /// # Ok(()) }
    /// ```
    ///
    /// Python's `Pool` has no counterpart; that of the package `pebble` is the argument `timeout`.
    fn with_timeout(&self, timeout: Duration) -> WithOptions<'_, Self> {
        WithOptions::new(self).with_timeout(timeout)
    }

    /// Returns the executor with a warning before a task is ended for its [time
    /// limit](Executor::with_timeout), or the [pool's](crate::PoolBuilder::task_timeout): when its
    /// time is over, its worker gets SIGTERM, and is killed only if the task still runs `grace`
    /// later.
    ///
    /// Only a handler receives the signal: set one in the task (or the pool's
    /// [initializer](crate::PoolBuilder::initializer)), with the crate `signal-hook` for one, and
    /// look at its flag now and then. Without a handler nothing happens until the grace is over. A
    /// task that returns by then has its result. If its worker exits instead, or has to be killed,
    /// the error is [`Error::TimedOut`](crate::Error::TimedOut), as without a grace. In any case
    /// the worker is replaced, and each task travels alone, so that no other task gets the signal.
    ///
    /// # Errors
    /// Every call returns [`Error::Config`](crate::Error::Config) without a time limit, with a
    /// chunk size of more than 1, and on a [`ThreadPool`](crate::ThreadPool).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    /// use std::time::Duration;
    ///
    /// use multiproc::{Executor, Pool};
    ///
    /// /// Counts for as long as it may.
    /// fn count() -> u64 {
    ///     let over = Arc::new(AtomicBool::new(false));
    ///     signal_hook::flag::register(signal_hook::consts::SIGTERM, over.clone()).unwrap();
    ///     (0..).take_while(|_| !over.load(Ordering::Relaxed)).count() as u64
    /// }
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::with_processes(1)?;
    /// let (time, grace) = (Duration::from_millis(200), Duration::from_secs(30));
    /// let limited = pool.with_timeout(time).with_grace(grace);
    /// assert!(limited.apply(count, ())? > 0);
    /// # Ok(()) }
    /// ```
    ///
    /// Python has no counterpart; Celery's is the setting `task_soft_time_limit`.
    fn with_grace(&self, grace: Duration) -> WithOptions<'_, Self> {
        WithOptions::new(self).with_grace(grace)
    }

    /// Returns the executor with lost tasks tried again: one whose worker ended while the task ran
    /// is begun again in another worker, up to `retries` times. After that it fails with the last
    /// loss, which says how often the task [was begun](crate::Error::tries). If not set, the first
    /// loss is its error.
    ///
    /// It is for workers that end for reasons of their own: out of memory, a library's fault, a
    /// kill from outside. The task must be one that may be begun twice, since a lost one may have
    /// done a part of what it does. A task that panics, is cancelled or is over its time limit is
    /// not tried again. What only waited in the lost worker runs elsewhere in any case, and does
    /// not count as tried. Each try has the whole [time limit](Executor::with_timeout).
    ///
    /// A task with a handle of one owner (a [`Connection`](crate::Connection)) in its arguments or
    /// in the state of its [`partial`](crate::partial) is not tried again, as the handle has gone
    /// with the worker. On a cluster, what a lost rank had counts as tried; a rank counts the
    /// losses of its own workers anew. A [`ThreadPool`](crate::ThreadPool) loses no task.
    ///
    /// ```
    /// use std::path::PathBuf;
    ///
    /// use multiproc::{Executor, Pool};
    ///
    /// fn fails_at_first(path: PathBuf) -> u32 {
    ///     if std::fs::File::create_new(path).is_ok() {
    ///         std::process::abort();
    ///     }
    ///     42
    /// }
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let folder = tempfile::tempdir().unwrap();
    /// let pool = Pool::with_processes(1)?;
    /// assert_eq!(pool.with_retries(1).apply(fails_at_first, (folder.path().join("begun"),))?, 42);
    /// # Ok(()) }
    /// ```
    ///
    /// Python has no counterpart; Celery's is the setting `task_reject_on_worker_lost`.
    fn with_retries(&self, retries: u32) -> WithOptions<'_, Self> {
        WithOptions::new(self).with_retries(retries)
    }
}

/// A call whose tasks were all submitted, and how many they probably are.
type Submitted<E, F, Args> = (<E as Backend>::Call<F, Args>, usize);

/// Begins a call of `f` on all items.
fn submit_all<E, F, I>(executor: &E, f: F, items: I) -> Result<Submitted<E, F, I::Item>>
where
    E: Backend + ?Sized,
    I: Iterator,
    I::Item: Arguments,
    F: Task<I::Item>,
{
    executor.check()?;
    check_end(&items)?;
    let options = executor.options();
    let call = executor.begin(f, true, options)?;
    let (items, len, sizes) = Source::plan(items, options.chunksize(), executor.breadth());
    call.submit_all(items, sizes);
    Ok((call, len))
}
