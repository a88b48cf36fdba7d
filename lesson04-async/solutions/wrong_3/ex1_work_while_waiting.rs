//! Wrong: a pool of threads, whose tasks run in this process.
//!
//! Fails with: they ran in this very process

use multiproc::{Executor, Result, Task, ThreadPool};

pub fn work_while_waiting<F: Task<(u64,)>, R>(
    task: F,
    items: &[u64],
    processes: usize,
    own_work: impl FnOnce() -> R,
) -> Result<(Vec<F::Output>, R)> {
    let pool = ThreadPool::with_processes(processes)?;
    let later = pool.map_async(task, items.to_vec());
    let own = own_work();
    Ok((later.get()?, own))
}
