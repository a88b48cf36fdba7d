//! Wrong: if one task was lost, everything is done again.
//!
//! Fails with: only what was lost is run again

use multiproc::{AsyncResult, Error, Executor, Pool, Result, Task};

pub fn with_retries<F: Task<(u64,)> + Clone>(
    task: F,
    items: &[u64],
    processes: usize,
    tries: u32,
) -> Result<Vec<Result<F::Output>>> {
    let pool = Pool::with_processes(processes)?;
    let mut outcomes = Vec::new();
    for _ in 0..tries {
        let futures: Vec<_> = items.iter().map(|item| pool.apply_async(task.clone(), (*item,))).collect();
        outcomes = futures.into_iter().map(AsyncResult::get).collect();
        if !outcomes.iter().any(|outcome| matches!(outcome, Err(Error::WorkerLost { .. }))) {
            break;
        }
    }
    Ok(outcomes)
}
