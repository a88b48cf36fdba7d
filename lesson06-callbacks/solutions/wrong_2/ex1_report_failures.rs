//! Wrong: `callback` is not called for a step that fails, so that there is no report of it.
//!
//! Fails with: every step is reported once

use std::sync::mpsc::Sender;

use multiproc::{AsyncResult, Executor, Pool, Result, Task};

use super::given::Report;

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
            .callback(move |value| reports.send(Report::Done(place, *value)).expect("the receiver is there"))
    };
    let steps: Vec<_> = values.iter().enumerate().map(run).collect();
    Ok(steps.into_iter().map(AsyncResult::get).collect())
}
