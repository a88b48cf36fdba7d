//! Exercise 2: load once.
//!
//! Goal: look numbers up in a table that takes long to load. Every worker loads it once, however
//! many tasks it runs, and no other process does. You will want a static and two functions.
//!
//! Given, in `given/ex2_load_once.rs`: `Table::load(log)`, which loads a table and adds a line to
//! the file `log` (the tests count these lines), `table.square(n)`, and the type `Found`.
//!
//! Check: `cargo test -p lesson02-config --test ex2_load_once`

use std::path::PathBuf;

use multiproc::Result;

use super::given::*;

/// Looks up the squares of the numbers, in their order, by a pool of `processes` workers. Each
/// loads a table, with `log`, before its first task, and keeps it.
pub fn look_up(numbers: Vec<u16>, processes: usize, log: PathBuf) -> Result<Vec<Found>> {
    todo!("{processes} workers with an `initializer` that loads from {log:?}, and {} tasks", numbers.len())
}
