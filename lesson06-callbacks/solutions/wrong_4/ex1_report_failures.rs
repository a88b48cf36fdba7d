//! Wrong: iterators are lazy: each step begins when the one before it has ended.
//!
//! Fails with: had something to do at the same time

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
        pool.apply_async(task.clone(), (*value,))
            .callback(move |value| drop(well.send(Report::Done(place, *value))))
            .error_callback(move |error| drop(badly.send(Report::Failed(place, error.to_string()))))
    };
    Ok(values.iter().enumerate().map(run).map(AsyncResult::get).collect())
}
