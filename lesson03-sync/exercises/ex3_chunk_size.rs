//! Exercise 3: choose a chunk size.
//!
//! Goal: many short tasks travel in batches. Choose the size so that each worker gets 16 to 64
//! batches, whatever the number of tasks and of workers: with fewer, one worker may be busy for
//! long when the others are done; with more, the trips cost too much.
//!
//! Given, in `given/ex3_chunk_size.rs`: the task, `count_divisors(number)`, which returns a
//! `Divisors`.
//!
//! Check: `cargo test -p lesson03-sync --test ex3_chunk_size`

use multiproc::Result;

use super::given::*;

/// Counts the divisors of all numbers, in batches, by a pool of `processes` workers. There are at
/// least 16 numbers for each worker.
pub fn in_batches(numbers: Vec<u32>, processes: usize) -> Result<Vec<Divisors>> {
    todo!("a `map` by `with_chunksize`, of a size that {} numbers and {processes} workers decide", numbers.len())
}
