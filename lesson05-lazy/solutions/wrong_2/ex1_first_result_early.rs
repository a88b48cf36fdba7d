//! Wrong: a lazy map, but all its results are collected before the first is shown.
//!
//! Fails with: tasks waited for the first result to be shown, in vain

use multiproc::{Executor, Pool, Result, Task};

pub fn show_each<F: Task<(u64,)>>(task: F, items: &[u64], processes: usize, show: impl FnMut(F::Output)) -> Result<()> {
    let pool = Pool::with_processes(processes)?;
    let results: Vec<_> = pool.imap(task, items.to_vec()).collect::<Result<_>>()?;
    results.into_iter().for_each(show);
    Ok(())
}
