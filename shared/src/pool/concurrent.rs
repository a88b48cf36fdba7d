//! Async functions in workers.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::executor::{Executor, default_chunksize};
use crate::pool::Pool;
use crate::task::{Concurrent, Stateless};

impl Pool {
    /// Calls the async function `f` on each item and waits for all results, in the items' order.
    /// Each worker runs an event loop (a tokio runtime of one thread) and has up to
    /// `concurrency` of the calls under way at a time: so many that wait, for the network say,
    /// cost one process. Needs the feature `tokio`.
    ///
    /// Items travel in batches, and to the pool a batch is one task: that is what its counters
    /// count, its time limit and [cancelling](crate::AsyncResult::cancel) concern, and what is
    /// lost with a worker. A panic costs only its own item.
    ///
    /// Python has no counterpart; the package `aiomultiprocess` has.
    ///
    /// # Errors
    /// That of the first item, in order, that failed. The others are still run. [`Error::Config`]
    /// if `concurrency` is 0.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// async fn fetch(n: u32) -> u32 {
    ///     tokio::time::sleep(Duration::from_millis(10)).await;
    ///     n * n
    /// }
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = multiproc::Pool::with_processes(2)?;
    /// assert_eq!(pool.map_concurrent(fetch, 0..4u32, 2)?, [0, 1, 4, 9]);
    /// # Ok(()) }
    /// ```
    pub fn map_concurrent<F, I, Fut>(&self, f: F, items: I, concurrency: usize) -> Result<Vec<Fut::Output>>
    where
        I: IntoIterator,
        I::Item: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(I::Item) -> Fut + Stateless,
        Fut: Future + 'static,
        Fut::Output: Serialize + DeserializeOwned + Send + 'static,
    {
        if concurrency == 0 {
            return Err(Error::Config("map_concurrent needs a concurrency of 1 at least".into()));
        }
        let items: Vec<_> = items.into_iter().collect();
        let (len, workers) = (items.len(), self.engine.breadth());
        // Full loops, but no worker without any.
        let size = default_chunksize(len, workers).max(concurrency).min(len.div_ceil(workers)).max(1);
        let mut items = items.into_iter();
        let batches = std::iter::from_fn(|| {
            let batch: Vec<_> = items.by_ref().take(size).collect();
            (!batch.is_empty()).then_some((concurrency as u64, batch))
        });
        let results = self.with_chunksize(1).starmap(Concurrent::new(f), batches)?;
        results.into_iter().flatten().map(|result| result.map_err(Error::from)).collect()
    }
}
