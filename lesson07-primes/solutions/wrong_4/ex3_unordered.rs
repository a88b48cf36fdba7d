//! Wrong: does not look at what `show` returns, and waits for all answers.
//!
//! Fails with: it has not come back

use std::ops::ControlFlow;

use multiproc::{Executor, Pool, Result, Task};

use super::given::Answer;

pub fn answers_as_they_come<F: Task<(u64,), Output = Answer>>(
    test: F,
    numbers: &[u64],
    processes: usize,
    mut show: impl FnMut(Answer) -> ControlFlow<()>,
) -> Result<()> {
    let pool = Pool::with_processes(processes)?;
    for answer in pool.imap_unordered(test, numbers.to_vec()) {
        let _ = show(answer?);
    }
    Ok(())
}
