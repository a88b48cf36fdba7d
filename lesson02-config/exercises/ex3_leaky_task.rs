//! Exercise 3: a task that leaks.
//!
//! Goal: run many tasks of a function that leaks memory, so that no worker ever takes more than is
//! allowed. All tasks succeed, and a worker runs several tasks before another takes its place: a
//! process for each task would cost too much.
//!
//! Given, in `given/ex3_leaky_task.rs`: the task, `leaky(number)`, which returns a `Digits`, and
//! `LEAK`, the number of bytes that it leaks.
//!
//! Check: `cargo test -p lesson02-config --test ex3_leaky_task`

use multiproc::Result;

use super::given::*;

/// Calls `leaky` with each of the numbers, by two workers. Neither ever takes more than
/// `max_memory` bytes.
pub fn in_bounds(numbers: Vec<u64>, max_memory: u64) -> Result<Vec<Digits>> {
    todo!("a pool that replaces its workers in time to stay below {max_memory} bytes, for {} tasks", numbers.len())
}
