//! Wrong: one chunk of everything, for one of the workers.
//!
//! Fails with: had something to do at the same time

use multiproc::{Executor, Pool, Result, Task};

pub fn work_while_waiting<F: Task<(u64,)>, R>(
    task: F,
    items: &[u64],
    processes: usize,
    own_work: impl FnOnce() -> R,
) -> Result<(Vec<F::Output>, R)> {
    let pool = Pool::with_processes(processes)?;
    let later = pool.with_chunksize(items.len()).map_async(task, items.to_vec());
    let own = own_work();
    Ok((later.get()?, own))
}
