//! Wrong: `map` has all results or none.
//!
//! Fails with: tasks waited for the first result to be shown, in vain

use multiproc::{Executor, Pool, Result, Task};

pub fn show_each<F: Task<(u64,)>>(task: F, items: &[u64], processes: usize, show: impl FnMut(F::Output)) -> Result<()> {
    let pool = Pool::with_processes(processes)?;
    pool.map(task, items.to_vec())?.into_iter().for_each(show);
    Ok(())
}
