//! A solution: `map_async` comes back at once, `get` waits.

use multiproc::{Pool, Result, Task};

/// Runs `task` on each item, in as many worker processes as told, and `own_work` here while they do. Returns the tasks'
/// results, in the order of the items, and that of the own work.
pub fn work_while_waiting<F: Task<(u64,)>, R>(
    task: F,
    items: &[u64],
    processes: usize,
    own_work: impl FnOnce() -> R,
) -> Result<(Vec<F::Output>, R)> {
    let pool = Pool::with_processes(processes)?;
    let later = pool.map_async(task, items.to_vec());
    let own = own_work();
    Ok((later.get()?, own))
}
