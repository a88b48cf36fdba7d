//! What a fresh worker is told about itself.

use serde::{Deserialize, Serialize};

use crate::identity::Identity;

/// The payload of a worker's first record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// Who the worker is, for [`current_process`](crate::current_process).
    pub(crate) identity: Identity,
    /// Bytes of memory it may take for data.
    pub(crate) memory_limit: Option<u64>,
    /// Bytes a result may have.
    pub(crate) cap: u64,
    /// Whether it can take tasks at once: no initializer follows.
    pub(crate) ready: bool,
    /// How long its orderly end may take before the kernel ends it, in nanoseconds.
    pub(crate) end_limit: u64,
    /// Whether it is a process for one task, and not one of a pool.
    pub(crate) single: bool,
}
