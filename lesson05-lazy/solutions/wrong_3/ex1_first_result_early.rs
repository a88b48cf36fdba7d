//! Wrong: one worker, whatever is asked for.
//!
//! Fails with: had something to do at the same time

use multiproc::{Executor, Pool, Result, Task};

pub fn show_each<F: Task<(u64,)>>(task: F, items: &[u64], processes: usize, show: impl FnMut(F::Output)) -> Result<()> {
    let pool = Pool::with_processes(processes.min(1))?;
    let mut show = show;
    for result in pool.imap(task, items.to_vec()) {
        show(result?);
    }
    Ok(())
}
