//! Options of one call.

use crate::Executor;
use crate::error::{Error, Result};
use crate::executor::Statistics;
use crate::executor::backend::Backend;
use crate::future::AsyncResult;
use crate::task::{Arguments, Task};

/// How the tasks of a call travel, as far as the caller has said.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallOptions {
    chunksize: Option<usize>,
    window: Option<usize>,
}

impl CallOptions {
    fn with_chunksize(self, chunksize: usize) -> Self {
        Self { chunksize: Some(chunksize.max(1)), ..self }
    }

    fn with_window(self, window: usize) -> Self {
        Self { window: Some(window.max(1)), ..self }
    }

    /// Returns the chunk size, if it is set; at least 1.
    pub(super) fn chunksize(self) -> Option<usize> {
        self.chunksize
    }

    /// Returns how many items of a lazy call may be under way: what is set, or else room for four
    /// chunks for each of `breadth` workers, and for `min` items. It is at least one chunk.
    pub(super) fn window(self, breadth: usize, min: usize) -> usize {
        let chunksize = self.chunksize.unwrap_or(1);
        self.window.unwrap_or(chunksize.saturating_mul(4 * breadth).max(min)).max(chunksize)
    }
}

/// An executor with options for the calls made through it: a chunk size, a window.
///
/// Returned by [`Executor::with_chunksize`] and [`Executor::with_window`]. It is an executor
/// itself, so every call can be made through it, and a function that takes an `&impl Executor`
/// takes one.
///
/// ```
/// use multiproc::{Executor, Pool};
///
/// # fn main() -> multiproc::Result<()> {
/// let pool = Pool::with_processes(2)?;
/// let batched = pool.with_chunksize(10).with_window(100);
/// assert_eq!(batched.map(|n: u32| n * 2, 0..3u32)?, [0, 2, 4]);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct WithOptions<'e, E: ?Sized> {
    executor: &'e E,
    options: CallOptions,
}

impl<'e, E: Executor + ?Sized> WithOptions<'e, E> {
    /// Adds nothing yet to the options that `executor` has.
    pub(super) fn new(executor: &'e E) -> Self {
        Self { executor, options: executor.options() }
    }

    /// Sets the number of tasks that travel together; 0 counts as 1.
    pub fn with_chunksize(self, chunksize: usize) -> Self {
        Self { options: self.options.with_chunksize(chunksize), ..self }
    }

    /// Sets the number of items of a lazy call that may be under way; 0 counts as 1. It is at least
    /// the chunk size.
    pub fn with_window(self, window: usize) -> Self {
        Self { options: self.options.with_window(window), ..self }
    }
}

impl<E: ?Sized> Clone for WithOptions<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E: ?Sized> Copy for WithOptions<'_, E> {}

impl<E: Executor> Backend for WithOptions<'_, E> {
    type Call<F, Args>
        = E::Call<F, Args>
    where
        F: Task<Args>,
        Args: Arguments;

    fn check(&self) -> Result<()> {
        self.executor.check()
    }

    fn breadth(&self) -> usize {
        self.executor.breadth()
    }

    fn min_window(&self) -> usize {
        self.executor.min_window()
    }

    fn options(&self) -> CallOptions {
        self.options
    }

    fn begin<F, Args>(&self, f: F, ordered: bool) -> Result<Self::Call<F, Args>>
    where
        F: Task<Args>,
        Args: Arguments,
    {
        self.executor.begin(f, ordered)
    }

    fn failed<R: Send + 'static>(&self, error: Error) -> AsyncResult<R> {
        self.executor.failed(error)
    }
}

impl<E: Executor> Executor for WithOptions<'_, E> {
    fn processes(&self) -> usize {
        self.executor.processes()
    }

    fn close(&self) {
        self.executor.close();
    }

    fn join(&self) -> Result<()> {
        self.executor.join()
    }

    fn terminate(&self) {
        self.executor.terminate();
    }

    fn cancel_pending(&self) {
        self.executor.cancel_pending();
    }

    fn statistics(&self) -> Statistics {
        self.executor.statistics()
    }
}
