//! Wrong: asks one candidate after the other, and waits for the first of the list.
//!
//! Fails with: the first answer was that of candidate

use multiproc::{Executor, Pool, Task};

pub fn first_answer<F: Task<(u64,)> + Clone>(pool: &Pool, task: F, candidates: &[u64]) -> Option<(usize, F::Output)> {
    let futures: Vec<_> = candidates.iter().map(|candidate| pool.submit(task.clone(), (*candidate,))).collect();
    futures.into_iter().enumerate().find_map(|(place, future)| Some((place, future.get().ok()?)))
}
