//! Exercise 1: report failures.
//!
//! Goal: a step above 0.7 fails. Each step is reported through a channel as soon as it has ended,
//! well or not, while others still run; and in the end there is the value or the error of each.
//!
//! Given, in `given/ex1_report_failures.rs`: the type `Report`, and `step(value)`, a task.
//!
//! Check: `cargo test -p lesson06-callbacks --test ex1_report_failures`

use std::sync::mpsc::Sender;

use multiproc::{Result, Task};

use super::given::*;

/// Runs `task`, such as `step`, on each value, by a pool of `processes` workers. Each is reported
/// as soon as it has ended, also while others run. Returns the outcome of each, in the order of the
/// values.
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
