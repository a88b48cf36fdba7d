//! What every executor refuses in its settings and its calls.

use crate::error::{Error, Result};

/// Workers beyond this are a mistake rather than a wish: Linux allows 32,768 processes by default,
/// and each takes a few of its parent's memory mappings.
const MAX_PROCESSES: usize = 4096;

/// Refuses a bound on the backlog that rejects every task.
pub(crate) fn check_reject(tasks: Option<u64>) -> Result<()> {
    if tasks == Some(0) {
        return Err(Error::Config("reject_when_reached must be at least 1, or no task could ever be taken".into()));
    }
    Ok(())
}

/// Refuses a number of workers that is 0 or beyond reason.
pub(crate) fn check_processes(processes: usize) -> Result<()> {
    if (1..=MAX_PROCESSES).contains(&processes) {
        return Ok(());
    }
    Err(Error::Config(format!("a pool has 1 to {MAX_PROCESSES} processes, not {processes}")))
}

/// Returns the error of joining an executor that would never end.
pub(crate) fn still_open() -> Error {
    Error::InvalidState("the pool is still open: call close() before join()".into())
}
