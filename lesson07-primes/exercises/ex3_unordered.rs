//! Exercise 3: unordered and responsive.
//!
//! Goal: some numbers take a thousand times as long as others. A quick answer is shown at once, and
//! does not wait for a slow one before it. When the user has seen enough, nothing is waited for.
//!
//! Given, in `given/ex3_unordered.rs`: the type `Answer`.
//!
//! Check: `cargo test -p lesson07-primes --test ex3_unordered`

use std::ops::ControlFlow;

use multiproc::{Result, Task};

use super::given::*;

/// Runs `test` on each number, by a pool of `processes` workers, and gives each answer to `show` as
/// soon as it is there, in any order. When `show` returns `Break`, it returns at once, and no
/// worker is left.
pub fn answers_as_they_come<F: Task<(u64,), Output = Answer>>(
    test: F,
    numbers: &[u64],
    processes: usize,
    show: impl FnMut(Answer) -> ControlFlow<()>,
) -> Result<()> {
    let _ = (test, numbers, show);
    todo!("a pool of {processes} workers, and a loop over a lazy map without order that may end early")
}
