//! Exercise 3: unordered and responsive.
//!
//! Goal: a quick answer does not wait for a slow one, and neither does somebody who has seen enough.
//! What to touch: the body of `answers_as_they_come`.
//! How to check: `cargo test -p lesson07-primes --test ex3_unordered`

use std::ops::ControlFlow;

use multiproc::{Result, Task};
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
    let _ = (test, numbers, show);
    todo!("a pool of {processes} workers, and a loop over a lazy map without order that may end early")
}
