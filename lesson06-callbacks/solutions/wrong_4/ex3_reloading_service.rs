//! Wrong: reads the settings for every job, requested or not.
//!
//! Fails with: so the service keeps its factor 2

use std::path::PathBuf;
use std::process;
use std::time::Duration;

use multiproc::{Queue, ServiceWorker};

use super::given::{Answer, read_factor};

pub fn serve(worker: ServiceWorker, settings: PathBuf, jobs: Queue<u64>, answers: Queue<Answer>) {
    while !worker.should_stop() {
        if let Ok(job) = jobs.get_timeout(Duration::from_millis(50)) {
            let answer = Answer { job, product: job * read_factor(&settings), pid: process::id() };
            answers.put(answer).expect("the queue is open");
        }
    }
}
