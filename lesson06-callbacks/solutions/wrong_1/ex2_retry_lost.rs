//! Wrong: if one task was lost, everything is done again.
//!
//! The tests say: only what was lost is run again

use multiproc::{AsyncResult, Error, Pool, Result, Task};

/// Runs `task` on each item, in as many worker processes as told. A task whose worker was lost is run again, until it
/// has had `tries` tries in all. One that fails by itself is not: it would fail again. Returns what became of each in
/// the end, in the order of the items.
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
