//! The options of one call.

use std::time::Duration;

use crate::error::{Error, Result};

/// How the tasks of a call travel, how long each may take and how often it is tried, as far as the
/// caller has said.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallOptions {
    chunksize: Option<usize>,
    window: Option<usize>,
    timeout: Option<Duration>,
    grace: Option<Duration>,
    retries: u32,
}

impl CallOptions {
    /// Sets the chunk size; 0 counts as 1.
    pub(super) fn with_chunksize(self, chunksize: usize) -> Self {
        Self { chunksize: Some(chunksize.max(1)), ..self }
    }

    /// Sets the number of items that may be under way; 0 counts as 1.
    pub(super) fn with_window(self, window: usize) -> Self {
        Self { window: Some(window.max(1)), ..self }
    }

    /// Sets the time that each task may take.
    pub(super) fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// Sets the time that a task has between the end of its time and the end of its worker.
    pub(super) fn with_grace(self, grace: Duration) -> Self {
        Self { grace: Some(grace), ..self }
    }

    /// Returns the time that a task has between the end of its time, which is `limit` if the call
    /// does not set it, and the end of its worker. Zero if it is not set.
    ///
    /// # Errors
    /// [`Error::Config`] if there is no limit, or a worker would be given several tasks at a time.
    pub(crate) fn grace(self, limit: Option<Duration>) -> Result<Duration> {
        let Some(grace) = self.grace else { return Ok(Duration::ZERO) };
        if self.timeout.or(limit).is_none() {
            return Err(Error::Config(
                "with_grace needs a time limit: add with_timeout, or build the pool with task_timeout".into(),
            ));
        }
        if self.chunksize.is_some_and(|chunksize| chunksize > 1) {
            return Err(Error::Config(
                "with_grace sends each task alone, so that its signal reaches no other: leave out with_chunksize"
                    .into(),
            ));
        }
        Ok(grace)
    }

    /// Sets how often a task is begun again that was lost with its worker.
    pub(super) fn with_retries(self, retries: u32) -> Self {
        Self { retries, ..self }
    }

    /// Returns how often a task is begun again that was lost with its worker.
    pub(crate) fn retries(self) -> u32 {
        self.retries
    }

    /// Returns the time that each task may take, if it is set.
    ///
    /// # Errors
    /// [`Error::Config`] if it is no time.
    pub(crate) fn timeout(self) -> Result<Option<Duration>> {
        if self.timeout == Some(Duration::ZERO) {
            return Err(Error::Config("with_timeout takes a time of more than 0".into()));
        }
        Ok(self.timeout)
    }

    /// Returns the chunk size, if it is set; at least 1.
    pub(super) fn chunksize(self) -> Option<usize> {
        self.chunksize.or(self.grace.map(|_| 1))
    }

    /// Returns whether the caller has set the number of items that may be under way.
    pub(super) fn has_window(self) -> bool {
        self.window.is_some()
    }

    /// Returns how many items of a lazy call may be under way: what is set, or else room for four
    /// chunks for each of `breadth` workers, and for `min` items. It is at least one chunk.
    pub(super) fn window(self, breadth: usize, min: usize) -> usize {
        let chunksize = self.chunksize.unwrap_or(1);
        self.window.unwrap_or(chunksize.saturating_mul(4 * breadth).max(min)).max(chunksize)
    }
}
