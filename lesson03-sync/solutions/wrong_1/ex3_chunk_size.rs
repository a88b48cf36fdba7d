//! Wrong: leaves the size to `map`, which begins and ends a long list one by one.
//!
//! Fails with: too many

use multiproc::{Executor, Pool, Result};

use super::given::{Divisors, count_divisors};

pub fn in_batches(numbers: Vec<u32>, processes: usize) -> Result<Vec<Divisors>> {
    let pool = Pool::with_processes(processes)?;
    pool.map(count_divisors, numbers)
}
