//! Wrong: counts on a source that does not end.
//!
//! Fails with: the source has more

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
    while good.len() < wanted {
        let (number, is_good) = answers.next().expect("the source has more")?;
        if is_good {
            good.push(number);
        }
    }
    Ok(good)
}
