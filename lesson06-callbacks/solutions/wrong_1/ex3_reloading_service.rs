//! Wrong: never checks whether to reload.
//!
//! Fails with: the service was told to reload, and goes on with its old factor

use std::path::PathBuf;
use std::process;
use std::time::Duration;

use multiproc::{Error, Queue, ServiceWorker};

use super::given::{Answer, read_factor};

pub fn serve(worker: ServiceWorker, settings: PathBuf, jobs: Queue<u64>, answers: Queue<Answer>) {
    let factor = read_factor(&settings);
    while !worker.should_stop() {
        // With a timeout: a call that waits for a job does not see that it is to stop.
        match jobs.get_timeout(Duration::from_millis(50)) {
            Ok(job) => {
                let answer = Answer { job, product: job * factor, pid: process::id() };
                answers.put(answer).expect("the queue is open");
            }
            Err(Error::TimedOut { .. }) => continue,
            Err(error) => panic!("no job can be taken: {error}"),
        }
    }
}
