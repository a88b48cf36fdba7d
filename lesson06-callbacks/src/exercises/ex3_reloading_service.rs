//! Exercise 3: a service that reloads.
//!
//! Goal: a service that reads its settings again when it is told to, and goes on in the same process with what it does.
//! What to touch: the body of `serve`.
//! How to check: `cargo test -p lesson06-callbacks --test ex3_reloading_service`

use multiproc::{Queue, ServiceWorker};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

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
    let _ = (worker, jobs, answers);
    todo!(
        "read {}, and then a loop: reload if requested, take a job, answer it, until it is to stop",
        settings.display()
    )
}
