//! Wrong: waits for a job without an end, and does not see that it is to stop.
//!
//! Fails with: told to stop, the service ended so

use std::path::PathBuf;
use std::process;

use multiproc::{Queue, ServiceWorker};

use super::given::{Answer, read_factor};

pub fn serve(worker: ServiceWorker, settings: PathBuf, jobs: Queue<u64>, answers: Queue<Answer>) {
    let mut factor = read_factor(&settings);
    while !worker.should_stop() {
        let job = jobs.get().expect("the queue is open");
        if worker.reload_requested() {
            factor = read_factor(&settings);
        }
        answers.put(Answer { job, product: job * factor, pid: process::id() }).expect("the queue is open");
    }
}
