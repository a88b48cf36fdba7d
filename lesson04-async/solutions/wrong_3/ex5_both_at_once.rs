//! Wrong: waits in the thread until both are ready, and only then awaits them.
//!
//! Fails with: the event loop stood still

use multiproc::{Executor, Pool, Result, Task, wait_for_all};

pub async fn both<F: Task<(u64,)> + Clone>(
    pool: &Pool,
    task: F,
    left: u64,
    right: u64,
) -> Result<(F::Output, F::Output)> {
    let futures = [left, right].map(|item| pool.apply_async(task.clone(), (item,)));
    wait_for_all(&futures);
    let [left, right] = futures;
    Ok((left.await?, right.await?))
}
