//! Exercise 5: inherited.
//!
//! Goal: a table takes long to load, and is too large to have it several times in memory. This
//! process loads it once, and the workers of its pool have it from the start.
//!
//! Given, in `given/ex5_inherited.rs`: `load(log)`, which loads the table of the process that calls
//! it and adds a line to the file `log` (the tests count these lines), the task `look_up(n)`, which
//! uses the table of the process that runs it, and the type `Found`.
//!
//! Check: `cargo test -p lesson02-config --test ex5_inherited`

use std::path::Path;

use multiproc::Result;

use super::given::*;

/// Loads the table, and looks the numbers up in it, in their order, by a pool of `processes`
/// workers. None of them loads it, and it is not sent to any.
///
/// The caller's process has one thread.
pub fn with_inherited_table(numbers: Vec<u16>, processes: usize, log: &Path) -> Result<Vec<Found>> {
    todo!("one table, from {log:?}, and {processes} workers that begin with it, for {} numbers", numbers.len())
}
