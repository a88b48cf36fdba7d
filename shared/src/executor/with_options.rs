//! An executor with options for the calls made through it.

use std::task::Waker;
use std::time::Duration;

use crate::Executor;
use crate::error::{Error, Result};
use crate::executor::Statistics;
use crate::executor::backend::Backend;
use crate::executor::call_options::CallOptions;
use crate::future::AsyncResult;
use crate::task::{Arguments, Task};

/// An executor with options for the calls made through it: a chunk size, a window, a time limit,
/// retries.
///
/// Returned by [`Executor::with_chunksize`], [`Executor::with_window`], [`Executor::with_timeout`],
/// [`Executor::with_grace`] and [`Executor::with_retries`]. It is an executor itself, so every call
/// can be made through it, and a function that takes an `&impl Executor` takes one.
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

    /// Sets how often a task is begun again that was lost with its worker; see
    /// [`Executor::with_retries`].
    pub fn with_retries(self, retries: u32) -> Self {
        Self { options: self.options.with_retries(retries), ..self }
    }

    /// Sets the time that a task has to end by itself once its time is over; see
    /// [`Executor::with_grace`].
    pub fn with_grace(self, grace: Duration) -> Self {
        Self { options: self.options.with_grace(grace), ..self }
    }

    /// Sets the time that each task may take; see [`Executor::with_timeout`].
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { options: self.options.with_timeout(timeout), ..self }
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

    fn begin<F, Args>(&self, f: F, ordered: bool, options: CallOptions) -> Result<Self::Call<F, Args>>
    where
        F: Task<Args>,
        Args: Arguments,
    {
        self.executor.begin(f, ordered, options)
    }

    fn wake_when_over(&self, waker: &Waker) -> bool {
        self.executor.wake_when_over(waker)
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

    fn join_timeout(&self, timeout: Duration) -> Result<()> {
        self.executor.join_timeout(timeout)
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
