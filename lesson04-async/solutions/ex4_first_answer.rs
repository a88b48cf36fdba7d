//! A solution: results as they come, up to the first value; what is left then is cancelled.

use multiproc::{Executor, Pool, Task, as_completed};

pub fn first_answer<F: Task<(u64,)> + Clone>(pool: &Pool, task: F, candidates: &[u64]) -> Option<(usize, F::Output)> {
    let futures: Vec<_> = candidates.iter().map(|candidate| pool.submit(task.clone(), (*candidate,))).collect();
    let mut results = as_completed(futures, None);
    let first = results.find_map(|(place, result)| Some((place, result.ok()?)));
    for (_, future) in results.into_pending() {
        future.cancel();
    }
    first
}
