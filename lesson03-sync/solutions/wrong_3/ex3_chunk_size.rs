//! Wrong: a number of batches that does not depend on the number of workers.
//!
//! Fails with: too few

use multiproc::{Executor, Pool, Result};

use super::given::{Divisors, count_divisors};

pub fn in_batches(numbers: Vec<u32>, processes: usize) -> Result<Vec<Divisors>> {
    let pool = Pool::with_processes(processes)?;
    let chunksize = numbers.len().div_ceil(40);
    pool.with_chunksize(chunksize).map(count_divisors, numbers)
}
