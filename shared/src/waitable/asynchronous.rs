//! Waiting for several objects in async functions.

use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Context, Error, Result};
use crate::fds::{Descriptor, watch_readable};
use crate::pipe::require_runtime;
use crate::waitable::{WaitSet, Waitable};

/// Waits until at least one of `objects` is ready, in an async function, on a tokio runtime that
/// drives input and output. Returns the indices of those that are ready. Needs the feature `tokio`.
///
/// It is [`wait`](crate::wait) asleep in the runtime, for the same [objects](Waitable). For a time
/// limit, put it into `tokio::time::timeout`: a future that is dropped before it is done takes
/// nothing along. In another runtime, or an event loop, use a [`WaitSet`].
///
/// # Errors
/// [`Error::Config`] if `objects` is empty, or outside of such a runtime; [`Error::Io`] if the
/// system refuses to wait.
///
/// # Examples
/// ```
/// use multiproc::{Event, Executor, Pool, wait_async};
///
/// # fn main() -> multiproc::Result<()> {
/// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// let (pool, stop) = (Pool::with_processes(1)?, Event::new()?);
/// runtime.block_on(async {
///     let result = pool.submit(|n: u64| n + 1, (1,));
///     assert_eq!(wait_async(&[&stop, &result]).await?, [1]);
///     assert_eq!(result.await?, 2);
///     Ok(())
/// })
/// # }
/// ```
pub async fn wait_async(objects: &[&dyn Waitable]) -> Result<Vec<usize>> {
    if objects.is_empty() {
        return Err(Error::Config("there is nothing to wait for".into()));
    }
    let set = WaitSet::new(objects)?;
    let found = set.ready()?;
    if !found.is_empty() {
        return Ok(found);
    }
    require_runtime()?;
    // A descriptor of its own, which is owned by what watches it.
    let watched = Descriptor::new(set.as_fd().try_clone_to_owned().context("cannot watch a descriptor")?);
    // A runtime that does not drive input and output panics.
    let no_driver = |_| Err(Error::Config("the tokio runtime must drive input and output: see `enable_io`".into()));
    let watched = catch_unwind(AssertUnwindSafe(|| watch_readable(watched))).unwrap_or_else(no_driver)?;
    loop {
        watched.readable().await.context("cannot wait for several objects")?.clear_ready();
        let found = set.ready()?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
}
