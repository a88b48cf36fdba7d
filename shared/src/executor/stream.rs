//! Results as a stream, of any backend: the lazy iterator in async functions.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::error::Result;
use crate::executor::Imap;

/// Nothing in it is pinned: the source is used by mutable reference alone.
impl<I: Iterator, R> Unpin for Imap<I, R> {}

/// The same results in the same order as by the [`Iterator`], with the same window and the same
/// errors, in any runtime. Needs the feature `stream`.
///
/// To wait for a result blocks no thread. The source is asked for items in `poll_next`, as many as
/// the window has room for until a result is there: a source that blocks, or computes for long,
/// holds up the runtime's thread. Dropping a future of the next result (`next()` of a `StreamExt`)
/// loses nothing; dropping the stream drops what has not begun.
///
/// ```
/// use std::future::poll_fn;
/// use std::pin::Pin;
///
/// use futures_core::Stream;
/// use multiproc::{Executor, Pool};
///
/// # fn main() -> multiproc::Result<()> {
/// let pool = Pool::with_processes(2)?;
/// pollster::block_on(async {
///     let mut squares = pool.imap(|n: u64| n * n, 0..5u64);
///     let mut sum = 0;
///     // `next()` of the crates futures and tokio-stream does this.
///     let mut next = poll_fn(|context| Pin::new(&mut squares).poll_next(context));
///     while let Some(square) = (&mut next).await {
///         sum += square?;
///     }
///     assert_eq!(sum, 30);
///     Ok(())
/// })
/// # }
/// ```
impl<I: Iterator, R> Stream for Imap<I, R> {
    type Item = Result<R>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<R>>> {
        match self.get_mut().advance_by(|call| !call.wake_at_next(context.waker())) {
            Some(next) => Poll::Ready(next),
            None => Poll::Pending,
        }
    }
}
