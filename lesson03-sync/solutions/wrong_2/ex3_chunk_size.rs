//! Wrong: a size that is right for some thousand numbers, and for no others.
//!
//! The tests say: too many

use std::process;

use multiproc::{Pool, Result};
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
    let pool = Pool::with_processes(processes)?;
    pool.with_chunksize(10).map(count_divisors, numbers)
}
