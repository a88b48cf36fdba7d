//! Exercise 2: chunks of the right size.
//!
//! Goal: many small tasks share few trips, and there are enough trips for all workers to have some.
//! What to touch: the body of `in_batches`.
//! How to check: `cargo test -p lesson07-primes --test ex2_tuned_chunks`

use multiproc::{Result, Task};

/// Those of the numbers that are prime as `is_prime` has it. They travel to as many worker processes as told in as many
/// batches as told, of the same size but for the last.
pub fn in_batches<F: Task<(u64,), Output = bool>>(
    is_prime: F,
    numbers: &[u64],
    processes: usize,
    batches: usize,
) -> Result<Vec<u64>> {
    let _ = is_prime;
    todo!(
        "a pool of {processes} workers; a chunk size that makes {batches} batches of {} numbers; a map with it",
        numbers.len()
    )
}
