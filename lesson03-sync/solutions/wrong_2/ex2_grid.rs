//! Wrong: the pairs go down the columns, the results are cut into rows.
//!
//! The tests say: is at the place of row 0, column 1

use std::process;

use multiproc::{Pool, Result};
use serde::{Deserialize, Serialize};

/// The most steps a cell is looked at for.
const PATIENCE: u32 = 20_000;

/// One cell of the picture, and which process has computed it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Counted from 0, from the top.
    pub row: u32,
    /// Counted from 0, from the left.
    pub column: u32,
    /// After how many steps it escapes.
    pub steps: u32,
    /// The process.
    pub pid: u32,
}

/// A point of the Mandelbrot set, or not: how many steps of z = z² + c it takes to leave the circle of radius 2. The cells
/// of a picture are a tenth of a unit apart; the upper left one is at -2 + 1.2i.
pub fn cell(row: u32, column: u32) -> Cell {
    let (re, im) = (f64::from(column) * 0.1 - 2.0, 1.2 - f64::from(row) * 0.1);
    let (mut x, mut y, mut steps) = (0.0, 0.0, 0);
    while x * x + y * y <= 4.0 && steps < PATIENCE {
        (x, y) = (x * x - y * y + re, 2.0 * x * y + im);
        steps += 1;
    }
    Cell { row, column, steps, pid: process::id() }
}

/// A picture of so many rows and columns, row by row from the top, by a pool of `processes` workers.
pub fn picture(rows: u32, columns: u32, processes: usize) -> Result<Vec<Vec<Cell>>> {
    let pool = Pool::with_processes(processes)?;
    let pairs = (0..columns).flat_map(|column| (0..rows).map(move |row| (row, column)));
    let cells = pool.starmap(cell, pairs)?;
    Ok(cells.chunks(columns as usize).map(<[Cell]>::to_vec).collect())
}
