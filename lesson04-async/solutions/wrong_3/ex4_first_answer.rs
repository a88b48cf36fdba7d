//! Wrong: drops the futures that are left, and their tasks go on.
//!
//! Fails with: are still at work

use multiproc::{Executor, Pool, Task, as_completed};

pub fn first_answer<F: Task<(u64,)> + Clone>(pool: &Pool, task: F, candidates: &[u64]) -> Option<(usize, F::Output)> {
    let futures: Vec<_> = candidates.iter().map(|candidate| pool.submit(task.clone(), (*candidate,))).collect();
    as_completed(futures, None).find_map(|(place, result)| Some((place, result.ok()?)))
}
