//! Wrong: the first failure is passed on with `?`, and the values of all others are lost.
//!
//! Fails with: one step that fails must not cost the others their values

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
    let run = |(place, value): (usize, &f64)| {
        let (well, badly) = (reports.clone(), reports.clone());
        pool.apply_async(task.clone(), (*value,))
            .callback(move |value| drop(well.send(Report::Done(place, *value))))
            .error_callback(move |error| drop(badly.send(Report::Failed(place, error.to_string()))))
    };
    let steps: Vec<_> = values.iter().enumerate().map(run).collect();
    let mut outcomes = Vec::new();
    for step in steps {
        outcomes.push(Ok(step.get()?));
    }
    Ok(outcomes)
}
