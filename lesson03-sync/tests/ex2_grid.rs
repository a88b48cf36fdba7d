//! The tests of exercise 2: a grid.

use course::testing::exercise::{Attempt, attempt_to_meet, isolated, varied};

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

/// The numbers of rows and of columns. Not a square, so that the two cannot be swapped.
fn size() -> (u32, u32) {
    let numbers = varied(2, 14..28);
    (numbers[0] as u32, numbers[1] as u32)
}

fn seen((rows, columns): (u32, u32), processes: usize) -> Attempt<Vec<Vec<Cell>>> {
    attempt_to_meet(processes, move || picture(rows, columns, processes).expect("`picture` returned an error"))
}

#[test]
fn every_cell_is_at_its_place() {
    isolated(|| {
        let (rows, columns) = size();
        let picture = seen((rows, columns), 2).value;
        assert_eq!(
            picture.len(),
            rows as usize,
            "the number of rows, and what was expected of {rows} x {columns} cells"
        );
        for (row, cells) in (0..).zip(&picture) {
            assert_eq!(cells.len(), columns as usize, "the number of cells in row {row}, and the number of columns");
            for (column, found) in (0..).zip(cells) {
                assert_eq!(
                    (found.row, found.column),
                    (row, column),
                    "the cell of row {}, column {} is at the place of row {row}, column {column}: expected that cell. \
                     Hint: in what order are the pairs?",
                    found.row,
                    found.column
                );
                assert_eq!(
                    found.steps,
                    cell(row, column).steps,
                    "the steps of row {row}, column {column}, and what `cell` returns for it"
                );
            }
        }
    });
}

#[test]
fn every_cell_is_computed_in_a_worker() {
    isolated(|| {
        let (rows, columns) = size();
        let picture = seen((rows, columns), 2);
        picture.assert_in_workers();
        picture.assert_each_once((0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))));
        for cell in picture.value.iter().flatten() {
            picture.assert_computed_by((cell.row, cell.column), cell.pid);
        }
    });
}

#[test]
fn one_pool_computes_the_whole_picture() {
    isolated(|| {
        for processes in [1, varied(1, 2..5)[0] as usize] {
            let picture = seen(size(), processes);
            picture.assert_in_parallel(processes);
            assert_eq!(
                picture.workers.len(),
                processes,
                "{} workers have come and gone: expected {processes}. Hint: one pool is enough for all rows",
                picture.workers.len()
            );
        }
    });
}

#[test]
fn a_picture_without_rows_is_empty() {
    isolated(|| {
        let none = seen((0, 31), 1);
        assert_eq!(none.value, Vec::<Vec<Cell>>::new(), "what was returned for no rows: expected no cells");
    });
}
