//! A solution: workers that are forked from a process that has loaded the table.

use std::path::Path;

use multiproc::{Executor, Pool, Result, StartMethod};

use super::given::{Found, load, look_up};

pub fn with_inherited_table(numbers: Vec<u16>, processes: usize, log: &Path) -> Result<Vec<Found>> {
    // Before the workers are there: a fork is a copy of its parent as it is at that moment.
    load(log)?;
    let pool = Pool::builder().processes(processes).start_method(StartMethod::Fork).build()?;
    pool.map(look_up, numbers)
}
