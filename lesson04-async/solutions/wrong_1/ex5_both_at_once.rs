//! Wrong: `get` blocks the thread, and the event loop with it.
//!
//! Fails with: the event loop stood still

use multiproc::{Executor, Pool, Result, Task};

pub async fn both<F: Task<(u64,)> + Clone>(
    pool: &Pool,
    task: F,
    left: u64,
    right: u64,
) -> Result<(F::Output, F::Output)> {
    let left = pool.apply_async(task.clone(), (left,));
    let right = pool.apply_async(task, (right,));
    Ok((left.get()?, right.get()?))
}
