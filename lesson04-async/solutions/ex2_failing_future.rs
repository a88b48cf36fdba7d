//! A solution: makes all futures before it waits for the first, and passes on no error with `?`.

use multiproc::{AsyncResult, Executor, Pool, Result, Task};

pub fn outcomes<F: Task<(u64,)> + Clone>(task: F, items: &[u64], processes: usize) -> Result<Vec<Result<F::Output>>> {
    let pool = Pool::with_processes(processes)?;
    let futures: Vec<_> = items.iter().map(|item| pool.apply_async(task.clone(), (*item,))).collect();
    Ok(futures.into_iter().map(AsyncResult::get).collect())
}
