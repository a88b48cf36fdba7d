//! What pools of processes and of threads have in common.

mod statistics;

pub use statistics::Statistics;

use crate::error::Result;
use crate::future::AsyncResult;
use crate::pool::Pool;
use crate::task::{Arguments, Task};
use crate::threads::ThreadPool;

/// A pool of processes or of threads, or the ranks of a cluster (`MpiExecutor`, with the feature
/// `mpi`): code that is written for this trait runs on any of them.
///
/// Beside what [`Pool`] asks for, functions, arguments and results must be `Send`, since threads do
/// not serialize them.
///
/// Python's counterpart is `concurrent.futures.Executor`, with its `ProcessPoolExecutor` and
/// `ThreadPoolExecutor`.
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
pub trait Executor {
    /// Has `f(args…)` run, and returns at once. Every failure, also one of submitting, reaches the
    /// handle. It is `apply_async` by the name that Python's `Executor.submit` has.
    fn submit<F, Args>(&self, f: F, args: Args) -> AsyncResult<F::Output>
    where
        F: Task<Args> + Send + Sync,
        Args: Arguments + Send,
        F::Output: Send;

    /// Runs `f` on each item and waits for all results, in the items' order. Python's counterpart
    /// is `Executor.map`, which gives the results one by one; that is `imap` of the pools.
    ///
    /// # Errors
    /// That of the first item, in order, that failed. The others are still run.
    fn map<F, I>(&self, f: F, items: I) -> Result<Vec<F::Output>>
    where
        I: IntoIterator,
        (I::Item,): Arguments + Send,
        F: Task<(I::Item,)> + Send + Sync,
        F::Output: Send;

    /// Takes no more tasks. With `cancel_pending` those that have not begun are cancelled (of a
    /// chunk of a map that has begun, a process runs the rest, too). With `wait` it returns
    /// when all tasks are done and all workers have ended; without, at once, and what is left
    /// is done meanwhile, unless the pool is dropped: that terminates it.
    ///
    /// Python's counterpart is `Executor.shutdown`.
    ///
    /// ```
    /// use multiproc::{Error, Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::with_processes(1)?;
    /// let taken = pool.submit(|n: u32| n + 1, (1,));
    /// pool.shutdown(true, false);
    /// assert_eq!(taken.get()?, 2);
    /// assert!(matches!(pool.submit(|n: u32| n + 1, (1,)).get(), Err(Error::Closed)));
    /// # Ok(()) }
    /// ```
    fn shutdown(&self, wait: bool, cancel_pending: bool);

    /// What has become of the tasks so far.
    ///
    /// ```
    /// use multiproc::{Executor, ThreadPool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = ThreadPool::with_processes(2)?;
    /// pool.map(|n: u32| n * 2, 0..10u32)?;
    /// assert_eq!(pool.statistics().executed, 10);
    /// # Ok(()) }
    /// ```
    fn statistics(&self) -> Statistics;
}

impl Executor for Pool {
    fn submit<F, Args>(&self, f: F, args: Args) -> AsyncResult<F::Output>
    where
        F: Task<Args> + Send + Sync,
        Args: Arguments + Send,
        F::Output: Send,
    {
        self.apply_async(f, args)
    }

    fn map<F, I>(&self, f: F, items: I) -> Result<Vec<F::Output>>
    where
        I: IntoIterator,
        (I::Item,): Arguments + Send,
        F: Task<(I::Item,)> + Send + Sync,
        F::Output: Send,
    {
        self.map(f, items)
    }

    fn shutdown(&self, wait: bool, cancel_pending: bool) {
        let engine = self.engine();
        engine.close();
        if cancel_pending {
            engine.cancel_pending();
        }
        if wait {
            engine.join();
        }
    }

    fn statistics(&self) -> Statistics {
        Statistics::of_processes(self.engine())
    }
}

impl Executor for ThreadPool {
    fn submit<F, Args>(&self, f: F, args: Args) -> AsyncResult<F::Output>
    where
        F: Task<Args> + Send + Sync,
        Args: Arguments + Send,
        F::Output: Send,
    {
        self.apply_async(f, args)
    }

    fn map<F, I>(&self, f: F, items: I) -> Result<Vec<F::Output>>
    where
        I: IntoIterator,
        (I::Item,): Arguments + Send,
        F: Task<(I::Item,)> + Send + Sync,
        F::Output: Send,
    {
        self.map(f, items)
    }

    fn shutdown(&self, wait: bool, cancel_pending: bool) {
        let crew = self.crew();
        crew.close();
        if cancel_pending {
            crew.cancel_pending();
        }
        if wait {
            crew.join();
        }
    }

    fn statistics(&self) -> Statistics {
        Statistics::of_threads(self.crew())
    }
}
