//! Wrong: a number of tasks that is right for one bound, whatever the bound is.
//!
//! Fails with: does that depend on `max_memory`

use multiproc::{Executor, Pool, Result};

use super::given::{Digits, leaky};

pub fn in_bounds(numbers: Vec<u64>, _max_memory: u64) -> Result<Vec<Digits>> {
    let pool = Pool::builder().processes(2).max_tasks_per_child(12).build()?;
    pool.map(leaky, numbers)
}
