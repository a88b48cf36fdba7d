//! Wrong: leaves the size to `map`, which makes four batches for each worker.
//!
//! Fails with: too few

use multiproc::{Executor, Pool, Result};

use super::given::{Divisors, count_divisors};

pub fn in_batches(numbers: Vec<u32>, processes: usize) -> Result<Vec<Divisors>> {
    let pool = Pool::with_processes(processes)?;
    pool.map(count_divisors, numbers)
}
