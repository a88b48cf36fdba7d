//! Wrong: lazy, but with a window of its own, which is wide.
//!
//! Fails with: numbers were taken ahead: expected

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
    for answer in pool.imap(task, source) {
        let (number, is_good) = answer?;
        if is_good {
            good.push(number);
        }
        if good.len() == wanted {
            break;
        }
    }
    Ok(good)
}
