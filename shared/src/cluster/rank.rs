//! Descriptions of ranks.

use std::fs;

use serde::{Deserialize, Serialize};

/// A rank that runs tasks. Returned by [`MpiExecutor::ranks`](crate::MpiExecutor::ranks).
///
/// ```
/// use multiproc::MpiExecutor;
///
/// # fn main() -> multiproc::Result<()> {
/// let executor = MpiExecutor::new()?;
/// for rank in executor.ranks() {
///     println!("rank {} on {}: {} workers", rank.rank, rank.host, rank.processes);
/// }
/// # assert_eq!(executor.ranks().len(), 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Rank {
    /// The number among the ranks that the program was started with.
    pub rank: usize,
    /// The name of the machine.
    pub host: String,
    /// The process id on that machine, of the parent of the workers.
    pub pid: u32,
    /// The number of workers.
    pub processes: usize,
}

impl Rank {
    /// Returns the description of this process.
    pub(super) fn own(rank: usize, processes: usize) -> Self {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self { rank, host: host.trim().to_string(), pid: std::process::id(), processes }
    }

    /// Returns the description of a rank of which only the number is known.
    pub(super) fn unknown(rank: usize) -> Self {
        Self { rank, host: "an unknown machine".into(), pid: 0, processes: 0 }
    }
}
