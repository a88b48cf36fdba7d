//! Wrong: the workers keep what they leak for as long as the pool lives.
//!
//! Fails with: grew to

use multiproc::{Executor, Pool, Result};

use super::given::{Digits, leaky};

pub fn in_bounds(numbers: Vec<u64>, max_memory: u64) -> Result<Vec<Digits>> {
    let _ = max_memory;
    let pool = Pool::builder().processes(2).build()?;
    pool.map(leaky, numbers)
}
