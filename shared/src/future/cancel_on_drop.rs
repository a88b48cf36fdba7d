//! A result whose task is stopped when nobody waits for it any more.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::{Error, Result};
use crate::future::AsyncResult;

/// An [`AsyncResult`] that [cancels](AsyncResult::cancel) its task when it is dropped before the
/// result was taken; returned by [`AsyncResult::cancel_on_drop`].
#[must_use = "dropping it cancels the task"]
pub struct CancelOnDrop<R> {
    /// `None` once the result was taken.
    result: Option<AsyncResult<R>>,
}

impl<R> AsyncResult<R> {
    /// Wraps the result so that its task is [cancelled](AsyncResult::cancel) if the wrapper is
    /// dropped before it is done: with the async function that awaits it, say, when a request's
    /// client has gone, or at the end of a timeout. The wrapper is a [`Future`] of the same result.
    ///
    /// A worker process that runs the task is killed and replaced; a thread cannot be stopped, and
    /// finishes what it has begun.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// use multiproc::{Executor, Pool};
    ///
    /// async fn answer(pool: &Pool, seconds: u64) -> multiproc::Result<u64> {
    ///     let sleep = |seconds| {
    ///         std::thread::sleep(Duration::from_secs(seconds));
    ///         seconds
    ///     };
    ///     pool.submit(sleep, (seconds,)).cancel_on_drop().await
    /// }
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    /// let pool = Pool::with_processes(1)?;
    /// runtime.block_on(async {
    ///     let late = tokio::time::timeout(Duration::from_millis(50), answer(&pool, 600)).await;
    ///     assert!(late.is_err());
    ///     assert_eq!(answer(&pool, 0).await?, 0, "the worker is free for others");
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// Python has no counterpart; an `asyncio` task that is cancelled leaves what runs in an
    /// executor running.
    pub fn cancel_on_drop(self) -> CancelOnDrop<R> {
        CancelOnDrop { result: Some(self) }
    }
}

impl<R> CancelOnDrop<R> {
    /// Takes the wrapper off: the task goes on whether or not the result is dropped.
    ///
    /// # Errors
    /// [`Error::InvalidState`] if the result has been awaited already.
    pub fn into_inner(mut self) -> Result<AsyncResult<R>> {
        self.result.take().ok_or_else(taken)
    }
}

fn taken() -> Error {
    Error::InvalidState("the result has been taken already".into())
}

impl<R> Future for CancelOnDrop<R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<R>> {
        let Some(result) = &mut self.result else { return Poll::Ready(Err(taken())) };
        let polled = Pin::new(result).poll(context);
        if polled.is_ready() {
            self.result = None;
        }
        polled
    }
}

impl<R> Drop for CancelOnDrop<R> {
    fn drop(&mut self) {
        if let Some(result) = &self.result {
            result.cancel();
        }
    }
}

impl<R> fmt::Debug for CancelOnDrop<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelOnDrop").field("result", &self.result).finish()
    }
}
