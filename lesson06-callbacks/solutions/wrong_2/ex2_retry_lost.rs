//! Wrong: it tries until there is a result, whatever the failure, and for ever.
//!
//! The tests say: a task that loses its worker each time is not tried for ever

use multiproc::{Pool, Result, Task};

/// Runs `task` on each item, in as many worker processes as told. A task whose worker was lost is run again, until it
/// has had `tries` tries in all. One that fails by itself is not: it would fail again. Returns what became of each in
/// the end, in the order of the items.
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
