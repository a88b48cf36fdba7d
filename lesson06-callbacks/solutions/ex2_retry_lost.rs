//! A solution: all items at first, and then in each round those whose worker was lost.

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
    for _ in 1..tries {
        let again: Vec<_> = (0..items.len())
            .filter(|place| matches!(outcomes[*place], Err(Error::WorkerLost { .. })))
            .map(|place| (place, run(&items[place])))
            .collect();
        for (place, future) in again {
            outcomes[place] = future.get();
        }
    }
    Ok(outcomes)
}
