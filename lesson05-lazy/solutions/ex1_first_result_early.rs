//! A solution: the loop over `imap` runs while the workers go on.

use multiproc::{Pool, Result, Task};

/// Runs `task` on each item, in as many worker processes as told, and gives each result to `show`, in the order of the
/// items, as soon as it and all before it are there.
pub fn show_each<F: Task<(u64,)>>(task: F, items: &[u64], processes: usize, show: impl FnMut(F::Output)) -> Result<()> {
    let pool = Pool::with_processes(processes)?;
    let mut show = show;
    for result in pool.imap(task, items.to_vec()) {
        show(result?);
    }
    Ok(())
}
