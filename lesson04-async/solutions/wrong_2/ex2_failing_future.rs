//! Wrong: the first failure is passed on with `?`, and the results of all others are lost.
//!
//! Fails with: one failed task must not cost the others their results

use multiproc::{Executor, Pool, Result, Task};

pub fn outcomes<F: Task<(u64,)> + Clone>(task: F, items: &[u64], processes: usize) -> Result<Vec<Result<F::Output>>> {
    let pool = Pool::with_processes(processes)?;
    let futures: Vec<_> = items.iter().map(|item| pool.apply_async(task.clone(), (*item,))).collect();
    let mut outcomes = Vec::new();
    for future in futures {
        outcomes.push(Ok(future.get()?));
    }
    Ok(outcomes)
}
