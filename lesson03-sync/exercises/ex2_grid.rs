//! Exercise 2: a grid.
//!
//! Goal: compute every cell of a picture in a worker, and return the cells in rows. One pool is
//! enough for all of them.
//!
//! Given, in `given/ex2_grid.rs`: the task, `cell(row, column)`, which returns a `Cell`.
//!
//! Check: `cargo test -p lesson03-sync --test ex2_grid`

use multiproc::Result;

use super::given::*;

/// Computes a picture, row by row from the top, by a pool of `processes` workers.
pub fn picture(rows: u32, columns: u32, processes: usize) -> Result<Vec<Vec<Cell>>> {
    todo!(
        "a `starmap` of `cell` over {rows} x {columns} pairs by {processes} workers, cut into rows of {columns} cells"
    )
}
