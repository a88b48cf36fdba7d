//! A pool's counters at one moment: what its statistics are made of, and what a server of tasks
//! from elsewhere sends of its own.

use serde::{Deserialize, Serialize};

use crate::progress::FailureKinds;

/// A pool's counters at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) submitted: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    /// Of the failed: those that are counted apart.
    pub(crate) kinds: FailureKinds,
    /// Nanoseconds for which workers have run tasks.
    pub(crate) busy_ns: u64,
    pub(crate) outstanding: u64,
    pub(crate) running: u64,
    pub(crate) workers_started: u64,
    pub(crate) workers_lost: u64,
    pub(crate) open: bool,
}
