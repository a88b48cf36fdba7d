//! Wrong: reports the steps in their order, however long ago a step has ended.
//!
//! Fails with: steps waited for the report of one that had ended, in vain

use std::sync::mpsc::Sender;

use multiproc::{Executor, Pool, Result, Task};

use super::given::Report;

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
        reports.send(report).expect("the receiver is there");
        outcomes.push(outcome);
    }
    Ok(outcomes)
}
