//! Wrong: one batch of everything, for one of the workers.
//!
//! Fails with: had something to do at the same time

use multiproc::{Executor, Pool, Result};

use super::given::{Divisors, count_divisors};

pub fn in_batches(numbers: Vec<u32>, processes: usize) -> Result<Vec<Divisors>> {
    let pool = Pool::with_processes(processes)?;
    pool.with_chunksize(numbers.len()).map(count_divisors, numbers)
}
