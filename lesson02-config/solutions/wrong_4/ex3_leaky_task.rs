//! Wrong: a process for each task keeps any bound, and costs too much.
//!
//! Fails with: 220 tasks were run by 220 processes

use multiproc::{Executor, Pool, Result};

use super::given::{Digits, leaky};

pub fn in_bounds(numbers: Vec<u64>, _max_memory: u64) -> Result<Vec<Digits>> {
    let pool = Pool::builder().processes(2).max_tasks_per_child(1).build()?;
    pool.map(leaky, numbers)
}
