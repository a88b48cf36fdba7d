//! Wrong: a hard limit keeps the bound, at the price of the task that would break it.
//!
//! Fails with: a hard limit

use multiproc::{Executor, Pool, Result};

use super::given::{Digits, leaky};

pub fn in_bounds(numbers: Vec<u64>, max_memory: u64) -> Result<Vec<Digits>> {
    let pool = Pool::builder().processes(2).memory_limit(max_memory).build()?;
    pool.map(leaky, numbers)
}
