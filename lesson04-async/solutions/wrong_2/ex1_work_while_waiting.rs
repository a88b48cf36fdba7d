//! Wrong: first the own work, then the tasks.
//!
//! Fails with: no task had begun while the own work was done

use multiproc::{Executor, Pool, Result, Task};

pub fn work_while_waiting<F: Task<(u64,)>, R>(
    task: F,
    items: &[u64],
    processes: usize,
    own_work: impl FnOnce() -> R,
) -> Result<(Vec<F::Output>, R)> {
    let pool = Pool::with_processes(processes)?;
    let own = own_work();
    let later = pool.map_async(task, items.to_vec());
    Ok((later.get()?, own))
}
