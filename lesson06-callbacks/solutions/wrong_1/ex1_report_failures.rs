//! Wrong: a step is reported when it is its turn to be asked for, however long ago it has ended.
//!
//! The tests say: steps waited for the report of one that had ended, in vain

use std::sync::mpsc::Sender;

use multiproc::{Pool, Result, Task};

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
    let steps: Vec<_> = values.iter().map(|value| pool.apply_async(task.clone(), (*value,))).collect();
    let mut outcomes = Vec::new();
    for (place, step) in steps.into_iter().enumerate() {
        let outcome = step.get();
        let report = match &outcome {
            Ok(value) => Report::Done(place, *value),
            Err(error) => Report::Failed(place, error.to_string()),
        };
        reports.send(report).expect("somebody listens");
        outcomes.push(outcome);
    }
    Ok(outcomes)
}
