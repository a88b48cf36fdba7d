//! Exercise 1: report failures.
//!
//! Goal: a step above 0.7 fails. A callback says so at once, and in the end there is the value or the error of each.
//! What to touch: the body of `run_steps`.
//! How to check: `cargo test -p lesson06-callbacks --test ex1_report_failures`

use std::sync::mpsc::Sender;

use multiproc::{Result, Task};

/// What is told of a step when it has ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// It went well: its place in the list, and what came of it.
    Done(usize, f64),
    /// It failed: its place in the list, and why.
    Failed(usize, String),
}

/// A step, which fails above 0.7.
pub fn step(value: f64) -> f64 {
    assert!(value <= 0.7, "{value} is above 0.7");
    value * 2.0
}

/// Runs `task`, such as [`step`], on each value, in as many worker processes as told. Each is reported as soon as it
/// has ended, also while others run. Returns what became of each, in the order of the values.
pub fn run_steps<F: Task<(f64,), Output = f64> + Clone>(
    task: F,
    values: &[f64],
    processes: usize,
    reports: &Sender<Report>,
) -> Result<Vec<Result<f64>>> {
    let _ = (task, reports);
    todo!(
        "a pool of {processes} workers; each of the {} steps with a callback for its value, and one for its error",
        values.len()
    )
}
