//! Wrong: iterators are lazy: each future is made when the outcome before it is there.
//!
//! Fails with: had something to do at the same time

use multiproc::{AsyncResult, Executor, Pool, Result, Task};

pub fn outcomes<F: Task<(u64,)> + Clone>(task: F, items: &[u64], processes: usize) -> Result<Vec<Result<F::Output>>> {
    let pool = Pool::with_processes(processes)?;
    let futures = items.iter().map(|item| pool.apply_async(task.clone(), (*item,)));
    Ok(futures.map(AsyncResult::get).collect())
}
