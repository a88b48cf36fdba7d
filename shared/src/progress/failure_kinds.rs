//! How many tasks failed in which way.

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Tasks that failed in a way that is counted apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FailureKinds {
    pub(crate) cancelled: u64,
    /// Not taken, by a pool that was full or closed.
    pub(crate) refused: u64,
    /// Ended at their time limit.
    pub(crate) timed_out: u64,
    /// Lost with their worker.
    pub(crate) lost: u64,
}

impl FailureKinds {
    /// Counts the failures among these.
    pub(crate) fn of<'a>(errors: impl IntoIterator<Item = &'a Error>) -> Self {
        let mut kinds = Self::default();
        for error in errors {
            match error {
                Error::Cancelled => kinds.cancelled += 1,
                Error::Full | Error::Closed => kinds.refused += 1,
                Error::TimedOut { .. } => kinds.timed_out += 1,
                Error::WorkerLost { .. } => kinds.lost += 1,
                _ => {}
            }
        }
        kinds
    }

    /// Adds those of other tasks.
    pub(crate) fn add(&mut self, other: Self) {
        self.cancelled += other.cancelled;
        self.refused += other.refused;
        self.timed_out += other.timed_out;
        self.lost += other.lost;
    }
}
