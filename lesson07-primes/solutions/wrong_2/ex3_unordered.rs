//! Wrong: it ends in good order, which takes as long as the slowest of the tasks under way.
//!
//! The tests say: it has not come back

use std::ops::ControlFlow;

use multiproc::{Pool, Result, Task};
use serde::{Deserialize, Serialize};

/// What is known of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The number.
    pub number: u64,
    /// Whether it is prime.
    pub prime: bool,
}

/// Runs `test` on each number, in as many worker processes as told, and gives each answer to `show` as soon as it is
/// there, whichever is the first. When `show` returns `Break`, somebody has seen enough: then it returns at once, and
/// nobody works on.
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
    pool.close();
    pool.join()
}
