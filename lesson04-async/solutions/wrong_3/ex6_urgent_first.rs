//! Wrong: nobody closes the queue, and the last wait never ends.
//!
//! Fails with: it waits for something that never comes

use multiproc::{Error, Executor, Pool, PriorityQueue, Result};

use super::given::{Alert, Log, search};

fn search_into(log: Log, alerts: PriorityQueue<Alert>) {
    alerts.put(search(log)).expect("the queue is open while one searches");
}

pub fn show_urgent_first(logs: Vec<Log>, processes: usize, mut show: impl FnMut(Alert)) -> Result<()> {
    let pool = Pool::with_processes(processes)?;
    let alerts = PriorityQueue::new()?;
    let searches = logs.into_iter().map(|log| (log, alerts.clone()));
    let searches = pool.starmap_async(search_into, searches);
    loop {
        match alerts.get() {
            Ok(alert) => show(alert),
            Err(Error::Closed) => break,
            Err(error) => return Err(error),
        }
    }
    searches.get().map(drop)
}
