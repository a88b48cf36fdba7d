//! Wrong: a size that is right for some thousand numbers, and for no others.
//!
//! Fails with: too many

use multiproc::{Executor, Pool, Result};

use super::given::{Divisors, count_divisors};

pub fn in_batches(numbers: Vec<u32>, processes: usize) -> Result<Vec<Divisors>> {
    let pool = Pool::with_processes(processes)?;
    pool.with_chunksize(10).map(count_divisors, numbers)
}
