//! Wrong: awaits the first result before the second task is handed out.
//!
//! Fails with: had something to do at the same time

use multiproc::{Executor, Pool, Result, Task};

pub async fn both<F: Task<(u64,)> + Clone>(
    pool: &Pool,
    task: F,
    left: u64,
    right: u64,
) -> Result<(F::Output, F::Output)> {
    let left = pool.apply_async(task.clone(), (left,)).await?;
    let right = pool.apply_async(task, (right,)).await?;
    Ok((left, right))
}
