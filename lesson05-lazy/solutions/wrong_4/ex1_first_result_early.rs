//! Wrong: shows each result when it comes, in whatever order.
//!
//! Fails with: the results in the order in which they were shown

use multiproc::{Executor, Pool, Result, Task};

pub fn show_each<F: Task<(u64,)>>(task: F, items: &[u64], processes: usize, show: impl FnMut(F::Output)) -> Result<()> {
    let pool = Pool::with_processes(processes)?;
    let mut show = show;
    for result in pool.imap_unordered(task, items.to_vec()) {
        show(result?);
    }
    Ok(())
}
