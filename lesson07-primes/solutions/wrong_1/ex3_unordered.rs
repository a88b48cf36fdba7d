//! Wrong: `imap` is lazy as well, but gives the answers in the order of the numbers.
//!
//! Fails with: the slow number waited for a quick answer to be shown, in vain

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
    for answer in pool.imap(test, numbers.to_vec()) {
        if show(answer?).is_break() {
            break;
        }
    }
    Ok(())
}
