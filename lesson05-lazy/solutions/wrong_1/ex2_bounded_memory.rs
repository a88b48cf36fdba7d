//! Wrong: `map` takes all items first, and here that never ends.
//!
//! Fails with: the source is endless, and a hundred thousand numbers of it were taken

use multiproc::{Executor, Pool, Result, Task};

pub fn first_good<F: Task<(u64,), Output = (u64, bool)>>(
    task: F,
    source: impl Iterator<Item = u64>,
    wanted: usize,
    processes: usize,
    _ahead: usize,
) -> Result<Vec<u64>> {
    let pool = Pool::with_processes(processes)?;
    let answers = pool.map(task, source)?;
    Ok(answers.into_iter().filter(|(_, is_good)| *is_good).map(|(number, _)| number).take(wanted).collect())
}
