//! A solution: all items at first, and then in each round those whose worker was lost.

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
