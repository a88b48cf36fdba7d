//! A solution: computes the size from the number of batches, 32 for each worker.

use multiproc::{Executor, Pool, Result};

use super::given::{Divisors, count_divisors};

pub fn in_batches(numbers: Vec<u32>, processes: usize) -> Result<Vec<Divisors>> {
    let pool = Pool::with_processes(processes)?;
    let chunksize = (numbers.len() / (32 * processes)).max(1);
    pool.with_chunksize(chunksize).map(count_divisors, numbers)
}
