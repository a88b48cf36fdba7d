//! A solution: two callbacks for each step, of which one is called; each has a clone of the sender.

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
        let (well, badly) = (reports.clone(), reports.clone());
        // A receiver that is gone is no error: the outcome is returned all the same.
        pool.apply_async(task.clone(), (*value,))
            .callback(move |value| drop(well.send(Report::Done(place, *value))))
            .error_callback(move |error| drop(badly.send(Report::Failed(place, error.to_string()))))
    };
    let steps: Vec<_> = values.iter().enumerate().map(run).collect();
    Ok(steps.into_iter().map(AsyncResult::get).collect())
}
