//! A solution: between two jobs it asks whether to stop and whether to reload.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use multiproc::{Error, Queue, ServiceWorker};
use serde::{Deserialize, Serialize};

/// What the service puts out for each job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The job, a number.
    pub job: u64,
    /// The number times the factor that the settings had.
    pub product: u64,
    /// The process that worked it out.
    pub pid: u32,
}

/// The settings of the service: one factor.
pub fn read_factor(settings: &Path) -> u64 {
    let text = fs::read_to_string(settings).expect("the settings are there");
    text.trim().parse().expect("the settings are a number")
}

/// The service. It multiplies each job by the factor from the settings, which it reads when it begins and when it is
/// told to reload, until it is told to stop. A job that it has taken it also answers.
pub fn serve(worker: ServiceWorker, settings: PathBuf, jobs: Queue<u64>, answers: Queue<Answer>) {
    let at_work = || !worker.should_stop();
    let mut factor = read_factor(&settings);
    while at_work() {
        factor = if worker.reload_requested() { read_factor(&settings) } else { factor };
        // Not for ever: who waits for a job cannot ask whether to stop.
        match jobs.get_timeout(Duration::from_millis(50)) {
            Ok(job) => {
                let answer = Answer { job, product: job * factor, pid: process::id() };
                answers.put(answer).expect("the queue is open");
            }
            Err(Error::TimedOut { .. }) => continue,
            Err(error) => panic!("no jobs to be had: {error}"),
        }
    }
}
