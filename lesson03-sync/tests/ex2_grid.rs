//! The tests of exercise 2: a grid.

use std::process;

use course::testing::exercise::{Attempt, attempt};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex2_grid.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex2_grid.rs")]
pub mod exercise;
// A stub uses little of it.
#[allow(dead_code)]
#[path = "../exercises/given/ex2_grid.rs"]
pub mod given;

use exercise::picture;
use given::{Cell, cell};

/// Not a square, so that rows and columns cannot be swapped.
const ROWS: u32 = 25;
const COLUMNS: u32 = 31;

fn seen(processes: usize) -> Attempt<Vec<Vec<Cell>>> {
    attempt(move || picture(ROWS, COLUMNS, processes).expect("`picture` returned an error"))
}

#[test]
fn every_cell_is_at_its_place() {
    let picture = seen(2).value;
    assert_eq!(picture.len(), ROWS as usize, "as many rows as the picture is to have");
    for (row, cells) in (0..).zip(&picture) {
        assert_eq!(cells.len(), COLUMNS as usize, "row {row} has as many cells as the picture has columns");
        for (column, found) in (0..).zip(cells) {
            assert_eq!(
                (found.row, found.column),
                (row, column),
                "the cell of row {}, column {} is at the place of row {row}, column {column}: in what order are the pairs?",
                found.row,
                found.column
            );
            assert_eq!(found.steps, cell(row, column).steps, "the steps of row {row}, column {column}");
        }
    }
}

#[test]
fn every_cell_is_computed_in_a_worker() {
    let picture = seen(2);
    let here = picture.value.iter().flatten().filter(|cell| cell.pid == process::id()).count();
    assert_eq!(here, 0, "{here} cells were computed in this very process: give `cell` to a pool, with pairs");
    assert!(
        picture.value.iter().flatten().all(|cell| picture.workers.contains(&cell.pid)),
        "the cells name processes that were not seen: `cell` is to run in the workers"
    );
}

#[test]
fn one_pool_computes_the_whole_picture() {
    for processes in [1, 3] {
        let picture = seen(processes);
        assert!(!picture.workers.is_empty(), "no worker process was seen: is there a pool?");
        assert_eq!(
            picture.workers.len(),
            processes,
            "{} workers have come and gone: a pool has as many as it is told, and one pool is enough for all rows",
            picture.workers.len()
        );
    }
}

#[test]
fn a_picture_without_rows_is_empty() {
    let none = attempt(|| picture(0, COLUMNS, 1).expect("`picture` returned an error"));
    assert_eq!(none.value, Vec::<Vec<Cell>>::new(), "no rows, no cells");
}
