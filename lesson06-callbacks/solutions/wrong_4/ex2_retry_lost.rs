//! Wrong: so many tries more, instead of in all.
//!
//! Fails with: the first try counts as well

use multiproc::{AsyncResult, Error, Executor, Pool, Result, Task};

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
        for _ in 0..tries {
            if matches!(outcome, Err(Error::WorkerLost { .. })) {
                *outcome = run(item).get();
            }
        }
    }
    Ok(outcomes)
}
