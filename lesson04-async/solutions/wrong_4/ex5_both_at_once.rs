//! Wrong: takes the result that comes first for that of the first task.
//!
//! Fails with: the results, and those that were expected

use multiproc::{Executor, Pool, Result, Task};

pub async fn both<F: Task<(u64,)> + Clone>(
    pool: &Pool,
    task: F,
    left: u64,
    right: u64,
) -> Result<(F::Output, F::Output)> {
    let mut left = pool.apply_async(task.clone(), (left,));
    let mut right = pool.apply_async(task, (right,));
    tokio::select! {
        first = &mut left => Ok((first?, right.await?)),
        first = &mut right => Ok((first?, left.await?)),
    }
}
