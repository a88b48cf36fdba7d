//! A solution: checks between two jobs whether to stop and whether to reload.

use std::path::PathBuf;
use std::process;
use std::time::Duration;

use multiproc::{Error, Queue, ServiceWorker};

use super::given::{Answer, read_factor};

pub fn serve(worker: ServiceWorker, settings: PathBuf, jobs: Queue<u64>, answers: Queue<Answer>) {
    let at_work = || !worker.should_stop();
    let mut factor = read_factor(&settings);
    while at_work() {
        factor = if worker.reload_requested() { read_factor(&settings) } else { factor };
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
