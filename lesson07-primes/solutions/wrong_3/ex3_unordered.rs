//! Wrong: one worker, whatever is asked for.
//!
//! Fails with: had something to do at the same time

use std::ops::ControlFlow;

use multiproc::{Executor, Pool, Result, Task};

use super::given::Answer;

pub fn answers_as_they_come<F: Task<(u64,), Output = Answer>>(
    test: F,
    numbers: &[u64],
    processes: usize,
    mut show: impl FnMut(Answer) -> ControlFlow<()>,
) -> Result<()> {
    let pool = Pool::with_processes(processes.min(1))?;
    for answer in pool.imap_unordered(test, numbers.to_vec()) {
        if show(answer?).is_break() {
            break;
        }
    }
    Ok(())
}
