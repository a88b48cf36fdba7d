//! The settings that the builders of all pools have.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::cpu::default_workers;
use crate::error::{Error, Result};

/// Workers beyond this are a mistake rather than a wish: Linux allows 32,768 processes by default,
/// and each takes a few of its parent's memory mappings.
const MAX_PROCESSES: usize = 4096;

/// Settings of a pool, as far as they are set. `F` is a function that runs once in each worker.
#[derive(Debug)]
pub(crate) struct PoolSettings<F> {
    pub(crate) processes: Option<usize>,
    pub(crate) name: Option<String>,
    pub(crate) reject_at: Option<u64>,
    pub(crate) initializer: Option<Result<F>>,
    pub(crate) finalizer: Option<Result<F>>,
    pub(crate) finish_on_drop: bool,
}

impl<F> Default for PoolSettings<F> {
    fn default() -> Self {
        Self { processes: None, name: None, reject_at: None, initializer: None, finalizer: None, finish_on_drop: false }
    }
}

impl<F> PoolSettings<F> {
    /// Returns the number of workers: one a logical CPU if it is not set.
    pub(crate) fn processes(&self) -> Result<usize> {
        self.processes.map_or_else(default_workers, Ok)
    }

    /// Returns the number of tasks that may be outstanding.
    ///
    /// # Errors
    /// [`Error::Config`] if it rejects every task.
    pub(crate) fn reject_at(&self) -> Result<u64> {
        if self.reject_at == Some(0) {
            return Err(Error::Config("reject_when_reached must be at least 1, or no task could ever be taken".into()));
        }
        Ok(self.reject_at.unwrap_or(u64::MAX))
    }

    /// Takes the initializer and the finalizer.
    ///
    /// # Errors
    /// Those of preparing them.
    pub(crate) fn take_once(&mut self) -> Result<[Option<F>; 2]> {
        Ok([self.initializer.take().transpose()?, self.finalizer.take().transpose()?])
    }

    /// Takes the name: `prefix` and the next number of `built` if it is not set.
    pub(crate) fn take_name(&mut self, prefix: &str, built: &AtomicU64) -> String {
        self.name.take().unwrap_or_else(|| format!("{prefix}{}", built.fetch_add(1, Relaxed)))
    }
}

/// Refuses a number of workers that is 0 or beyond reason.
pub(crate) fn check_processes(processes: usize) -> Result<()> {
    if (1..=MAX_PROCESSES).contains(&processes) {
        return Ok(());
    }
    Err(Error::Config(format!("a pool has 1 to {MAX_PROCESSES} processes, not {processes}")))
}
