//! Wrong: tries until there is a result, whatever the failure, and for ever.
//!
//! Fails with: a task that loses its worker each time is not tried for ever

use multiproc::{Executor, Pool, Result, Task};

pub fn with_retries<F: Task<(u64,)> + Clone>(
    task: F,
    items: &[u64],
    processes: usize,
    _tries: u32,
) -> Result<Vec<Result<F::Output>>> {
    let pool = Pool::with_processes(processes)?;
    let futures: Vec<_> = items.iter().map(|item| pool.apply_async(task.clone(), (*item,))).collect();
    let mut outcomes = Vec::new();
    for (future, item) in futures.into_iter().zip(items) {
        let mut outcome = future.get();
        while outcome.is_err() {
            outcome = pool.apply(task.clone(), (*item,));
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}
