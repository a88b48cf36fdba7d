//! What a cluster tells of itself.

use std::fs;

use serde::{Deserialize, Serialize};

/// A rank that runs tasks, as [`MpiExecutor::ranks`](crate::MpiExecutor::ranks) tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Rank {
    /// Its number among the ranks that the program was started with.
    pub rank: usize,
    /// The machine that it runs on.
    pub host: String,
    /// Its process there, the parent of its workers.
    pub pid: u32,
    /// How many workers it has.
    pub processes: usize,
}

impl Rank {
    /// This process.
    pub(super) fn own(rank: usize, processes: usize) -> Self {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self { rank, host: host.trim().to_string(), pid: std::process::id(), processes }
    }
}
