//! Exercise 3: a service that reloads.
//!
//! Goal: a service takes jobs from a queue and multiplies them by a factor from its settings. When
//! a reload is requested, it reads the settings again and stays the same process. No job is lost,
//! and when it is to stop, it returns.
//!
//! Given, in `given/ex3_reloading_service.rs`: the type `Answer`, and `read_factor(settings)`,
//! which reads the factor from the file.
//!
//! Check: `cargo test -p lesson06-callbacks --test ex3_reloading_service`

use std::path::PathBuf;

use multiproc::{Queue, ServiceWorker};

use super::given::*;

/// Multiplies each job by the factor from the settings, until the service is to stop. Reads the
/// settings at the start and whenever a reload is requested. Answers every job that it has taken.
pub fn serve(worker: ServiceWorker, settings: PathBuf, jobs: Queue<u64>, answers: Queue<Answer>) {
    let _ = (worker, jobs, answers);
    todo!(
        "read {}, and then a loop: reload if requested, take a job, answer it, until it is to stop",
        settings.display()
    )
}
