//! A solution: leaving the loop drops the pool, which ends the tasks that still run.

use std::ops::ControlFlow;

use multiproc::{Executor, Pool, Result, Task};

use super::given::Answer;

pub fn answers_as_they_come<F: Task<(u64,), Output = Answer>>(
    test: F,
    numbers: &[u64],
    processes: usize,
    show: impl FnMut(Answer) -> ControlFlow<()>,
) -> Result<()> {
    let pool = Pool::with_processes(processes)?;
    let mut show = show;
    for answer in pool.imap_unordered(test, numbers.to_vec()) {
        if show(answer?).is_break() {
            break;
        }
    }
    Ok(())
}
