//! Exercise 5: await both.
//!
//! Goal: an async function has two tasks run in workers, at the same time, and awaits their
//! results. The event loop that it runs on has other things to do meanwhile, and does them.
//!
//! Check: `cargo test -p lesson04-async --test ex5_both_at_once`

use multiproc::{Pool, Result, Task};

/// Runs `task` with `left` and with `right`, both at once, in workers of the pool. Returns what it
/// returned for each, or the error of one that has failed.
pub async fn both<F: Task<(u64,)> + Clone>(
    pool: &Pool,
    task: F,
    left: u64,
    right: u64,
) -> Result<(F::Output, F::Output)> {
    let _ = (pool, task);
    todo!("results for {left} and {right} that are on their way together, and no call that blocks this thread")
}
