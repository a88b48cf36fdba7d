//! Exercise 2, what is given: one cell of a picture.

use std::process;

use course::testing::exercise::witness;
use serde::{Deserialize, Serialize};

/// The number of steps after which a point counts as one that never leaves the circle.
const MAX_STEPS: u32 = 20_000;

/// One cell of the picture, with the process that computed it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The row, counted from 0, from the top.
    pub row: u32,
    /// The column, counted from 0, from the left.
    pub column: u32,
    /// The number of steps until it leaves the circle.
    pub steps: u32,
    /// The pid of the process.
    pub pid: u32,
}

/// Computes one cell of the Mandelbrot set: the number of steps of z = z² + c until z leaves the
/// circle of radius 2. The cells are a tenth of a unit apart; the upper left one is at -2 + 1.2i.
pub fn cell(row: u32, column: u32) -> Cell {
    // The tests see by this which process runs it, and when.
    let _call = witness((row, column));
    let (re, im) = (f64::from(column) * 0.1 - 2.0, 1.2 - f64::from(row) * 0.1);
    let (mut x, mut y, mut steps) = (0.0, 0.0, 0);
    while x * x + y * y <= 4.0 && steps < MAX_STEPS {
        (x, y) = (x * x - y * y + re, 2.0 * x * y + im);
        steps += 1;
    }
    Cell { row, column, steps, pid: process::id() }
}
