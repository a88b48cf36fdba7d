//! Wrong: `map` waits until all tasks are done, and only then is there time for the own work.
//!
//! Fails with: the tasks were over before the own work began

use multiproc::{Executor, Pool, Result, Task};

pub fn work_while_waiting<F: Task<(u64,)>, R>(
    task: F,
    items: &[u64],
    processes: usize,
    own_work: impl FnOnce() -> R,
) -> Result<(Vec<F::Output>, R)> {
    let pool = Pool::with_processes(processes)?;
    let results = pool.map(task, items.to_vec())?;
    Ok((results, own_work()))
}
