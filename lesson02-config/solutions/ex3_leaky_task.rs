//! A solution: a task leaks a known amount, which bounds the number of tasks of a worker.

use multiproc::{Executor, Pool, Result};

use super::given::{Digits, LEAK, leaky};

pub fn in_bounds(numbers: Vec<u64>, max_memory: u64) -> Result<Vec<Digits>> {
    // A quarter is for what a process has anyway, before anything leaks.
    let tasks = max_memory / 4 * 3 / LEAK;
    let pool = Pool::builder().processes(2).max_tasks_per_child(tasks).build()?;
    pool.map(leaky, numbers)
}
