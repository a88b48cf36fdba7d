//! Wrong: a window of one number keeps all workers idle but one.
//!
//! Fails with: had something to do at the same time

use multiproc::{Executor, Pool, Result, Task};

pub fn first_good<F: Task<(u64,), Output = (u64, bool)>>(
    task: F,
    source: impl Iterator<Item = u64>,
    wanted: usize,
    processes: usize,
    _ahead: usize,
) -> Result<Vec<u64>> {
    let pool = Pool::with_processes(processes)?;
    let mut good = Vec::new();
    let mut answers = pool.with_window(1).imap(task, source);
    while good.len() < wanted
        && let Some(answer) = answers.next()
    {
        let (number, is_good) = answer?;
        if is_good {
            good.push(number);
        }
    }
    Ok(good)
}
