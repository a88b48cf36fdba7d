//! Wrong: every failure is tried again, also one that comes each time.
//!
//! Fails with: a task that panics would panic again

use multiproc::{AsyncResult, Executor, Pool, Result, Task};

pub fn with_retries<F: Task<(u64,)> + Clone>(
    task: F,
    items: &[u64],
    processes: usize,
    tries: u32,
) -> Result<Vec<Result<F::Output>>> {
    let pool = Pool::with_processes(processes)?;
    let run = |item: &u64| pool.apply_async(task.clone(), (*item,));
    let futures: Vec<_> = items.iter().map(run).collect();
    let mut outcomes: Vec<_> = futures.into_iter().map(AsyncResult::get).collect();
    for (item, outcome) in items.iter().zip(&mut outcomes) {
        for _ in 1..tries {
            if outcome.is_err() {
                *outcome = run(item).get();
            }
        }
    }
    Ok(outcomes)
}
