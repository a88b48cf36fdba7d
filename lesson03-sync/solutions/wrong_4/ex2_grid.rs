//! Wrong: has a pool for each row.
//!
//! Fails with: workers have come and gone

use multiproc::{Executor, Pool, Result};

use super::given::{Cell, cell};

pub fn picture(rows: u32, columns: u32, processes: usize) -> Result<Vec<Vec<Cell>>> {
    let line = |row| Pool::with_processes(processes)?.starmap(cell, (0..columns).map(|column| (row, column)));
    (0..rows).map(line).collect()
}
