//! Wrong: searches everything, and sorts, before the first alert is shown.
//!
//! Fails with: waited for the first alert to be shown, in vain

use multiproc::{Executor, Pool, Result};

use super::given::{Alert, Log, search};

pub fn show_urgent_first(logs: Vec<Log>, processes: usize, mut show: impl FnMut(Alert)) -> Result<()> {
    let pool = Pool::with_processes(processes)?;
    let mut alerts = pool.map(search, logs)?;
    alerts.sort();
    alerts.into_iter().for_each(&mut show);
    Ok(())
}
