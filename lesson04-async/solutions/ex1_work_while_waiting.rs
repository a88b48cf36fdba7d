//! A solution: `map_async` returns at once, `get` waits.

use multiproc::{Executor, Pool, Result, Task};

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
