//! Exercise 3: choose a chunk size.
//!
//! Goal: `in_batches` has 16 to 64 batches for each worker, whatever the number of tasks and of workers.
//! What to touch: the body of `in_batches`, and the `use` lines.
//! How to check: `cargo test -p lesson03-sync --test ex3_chunk_size`

use std::process;

use multiproc::Result;
use serde::{Deserialize, Serialize};

/// How many numbers divide a number, and which process has counted them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Divisors {
    /// How many.
    pub divisors: usize,
    /// The process.
    pub pid: u32,
}

/// Counts the divisors of a number: a short task.
pub fn count_divisors(number: u32) -> Divisors {
    Divisors { divisors: (1..=number).filter(|n| number.is_multiple_of(*n)).count(), pid: process::id() }
}

/// Counts the divisors of all numbers, in batches, by a pool of `processes` workers. There are at least 16 batches for each
/// worker, so that none has much left to do when the others are done, and at most 64, since each costs a trip.
///
/// There are at least 16 numbers for each worker.
pub fn in_batches(numbers: Vec<u32>, processes: usize) -> Result<Vec<Divisors>> {
    todo!("a `map` by `with_chunksize`, of a size that {} numbers and {processes} workers decide", numbers.len())
}
