//! A solution: workers put what they find into a priority queue, and a thread closes it when all
//! are done.

use std::thread;

use multiproc::{AsyncResult, Error, Executor, Pool, PriorityQueue, Result, wait_for_all};

use super::given::{Alert, Log, search};

fn search_into(log: Log, alerts: PriorityQueue<Alert>) {
    alerts.put(search(log)).expect("the queue is open while one searches");
}

pub fn show_urgent_first(logs: Vec<Log>, processes: usize, mut show: impl FnMut(Alert)) -> Result<()> {
    let pool = Pool::with_processes(processes)?;
    let alerts = PriorityQueue::new()?;
    let submit = |log| pool.submit(search_into, (log, alerts.clone()));
    let searches: Vec<_> = logs.into_iter().map(submit).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            wait_for_all(&searches);
            alerts.close()
        });
        loop {
            match alerts.get() {
                Ok(alert) => show(alert),
                Err(Error::Closed) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    })?;
    searches.into_iter().try_for_each(AsyncResult::get)
}
