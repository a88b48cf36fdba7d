//! A solution: the window bounds what is under way, and dropping the iterator ends it.

use multiproc::{Executor, Pool, Result, Task};

pub fn first_good<F: Task<(u64,), Output = (u64, bool)>>(
    task: F,
    source: impl Iterator<Item = u64>,
    wanted: usize,
    processes: usize,
    ahead: usize,
) -> Result<Vec<u64>> {
    let pool = Pool::with_processes(processes)?;
    let mut good = Vec::new();
    let mut answers = pool.with_window(ahead).imap(task, source);
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
