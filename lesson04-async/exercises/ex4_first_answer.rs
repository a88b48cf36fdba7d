//! Exercise 4: the first answer.
//!
//! Goal: several ways lead to an answer, and nobody knows which is the fastest. All are tried at
//! the same time. The first answer wins; one that fails is no answer. What is left is stopped, so
//! that the pool is free for something else.
//!
//! Check: `cargo test -p lesson04-async --test ex4_first_answer`

use multiproc::{Pool, Task};

/// Runs `task` with each of the candidates in the pool. Returns the place of the first one that
/// returns a value, together with that value, or `None` if all fail.
///
/// The others do not go on, and those that have not begun never do. The pool can be used
/// afterwards.
pub fn first_answer<F: Task<(u64,)> + Clone>(pool: &Pool, task: F, candidates: &[u64]) -> Option<(usize, F::Output)> {
    let _ = (pool, task);
    todo!("{} candidates at once, the first result that is no error, and an end for all others", candidates.len())
}
