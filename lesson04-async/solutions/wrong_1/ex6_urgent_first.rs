//! Wrong: shows the alerts in the order in which they were found.
//!
//! Fails with: the most urgent next

use multiproc::{Executor, Pool, Result};

use super::given::{Alert, Log, search};

pub fn show_urgent_first(logs: Vec<Log>, processes: usize, mut show: impl FnMut(Alert)) -> Result<()> {
    let pool = Pool::with_processes(processes)?;
    for alert in pool.imap_unordered(search, logs) {
        show(alert?);
    }
    Ok(())
}
