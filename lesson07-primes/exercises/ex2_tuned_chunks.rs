//! Exercise 2: chunks of the right size.
//!
//! Goal: small tasks travel in batches, because each trip costs more than a task. The number of
//! batches is given, and all workers get some.
//!
//! Check: `cargo test -p lesson07-primes --test ex2_tuned_chunks`

use multiproc::{Result, Task};

/// Returns those of the numbers for which `is_prime` returns `true`. They travel to `processes`
/// workers in `batches` batches, all of the same size but the last.
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
