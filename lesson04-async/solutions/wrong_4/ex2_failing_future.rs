//! Wrong: leaves the failures out, so that nobody can tell whose outcome is whose.
//!
//! Fails with: the number of outcomes, and of items

use multiproc::{AsyncResult, Executor, Pool, Result, Task};

pub fn outcomes<F: Task<(u64,)> + Clone>(task: F, items: &[u64], processes: usize) -> Result<Vec<Result<F::Output>>> {
    let pool = Pool::with_processes(processes)?;
    let futures: Vec<_> = items.iter().map(|item| pool.apply_async(task.clone(), (*item,))).collect();
    Ok(futures.into_iter().map(AsyncResult::get).filter(Result::is_ok).collect())
}
