//! Wrong: `callback` is not called for a step that fails, so that nobody hears of it.
//!
//! The tests say: every step is reported once

use std::sync::mpsc::Sender;

use multiproc::{AsyncResult, Pool, Result, Task};

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
    let pool = Pool::with_processes(processes)?;
    let run = |(place, value): (usize, &f64)| {
        let reports = reports.clone();
        pool.apply_async(task.clone(), (*value,))
            .callback(move |value| reports.send(Report::Done(place, *value)).expect("somebody listens"))
    };
    let steps: Vec<_> = values.iter().enumerate().map(run).collect();
    Ok(steps.into_iter().map(AsyncResult::get).collect())
}
