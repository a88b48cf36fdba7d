//! A solution: all futures are there before the first is asked, and no error is passed on with `?`.

use multiproc::{AsyncResult, Pool, Result, Task};

/// Runs `task` on each item, in as many worker processes as told. Returns what became of each, in the order of the
/// items: its result, or why there is none. It fails as a whole only if there can be no pool.
pub fn outcomes<F: Task<(u64,)> + Clone>(task: F, items: &[u64], processes: usize) -> Result<Vec<Result<F::Output>>> {
    let pool = Pool::with_processes(processes)?;
    let futures: Vec<_> = items.iter().map(|item| pool.apply_async(task.clone(), (*item,))).collect();
    Ok(futures.into_iter().map(AsyncResult::get).collect())
}
