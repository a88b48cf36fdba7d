//! Exercise 4: the primes below ten million.
//!
//! Goal: there are 664,579 of them. Have several workers share the work of the sequential program,
//! so that it takes less time: cut the range into pieces that leave out no number and overlap
//! nowhere.
//!
//! Given, in `given/ex4_ten_million.rs`: `count_primes(first, end)`, the sequential program.
//!
//! Check: `cargo test -p lesson07-primes --test ex4_ten_million`

use multiproc::{Result, Task};

/// Counts the primes below `limit`, by a pool of `processes` workers. The task `count` does for a
/// range, from its first number up to its end, what `count_primes` does.
///
/// There are several ranges for each worker, since those of large numbers take longer: none has
/// more than an eighth of a worker's fair share.
pub fn count_below<F: Task<(u64, u64), Output = u64>>(count: F, limit: u64, processes: usize) -> Result<u64> {
    let _ = count;
    todo!("a pool of {processes} workers, the numbers below {limit} cut into ranges, a `starmap`, and a sum")
}
