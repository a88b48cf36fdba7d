//! The number of workers that a pool should have.

use crate::engine::config::Config;

/// The number of workers there should be, which follows the backlog between two bounds.
pub(super) struct PoolSize {
    wanted: usize,
    min: usize,
    max: usize,
}

impl PoolSize {
    pub(super) fn new(config: &Config) -> Self {
        Self { wanted: config.processes, min: config.processes, max: config.max_processes }
    }

    /// Returns the number of workers there should be.
    pub(super) fn wanted(&self) -> usize {
        self.wanted
    }

    /// Returns the maximum number of workers there should be.
    pub(super) fn max(&self) -> usize {
        self.max.max(self.wanted)
    }

    /// Returns `true` if `living` workers are fewer than there should be.
    pub(super) fn exceeds(&self, living: usize) -> bool {
        living < self.wanted
    }

    /// Returns `true` if there should be more than the `living` workers if there is work for them.
    pub(super) fn can_grow(&self, living: usize) -> bool {
        self.wanted < self.max && living <= self.wanted
    }

    /// Returns `true` if there should be fewer workers if there is no work for them.
    pub(super) fn can_shrink(&self) -> bool {
        self.wanted > self.min
    }

    /// Raises the number by one worker that was started.
    pub(super) fn grow(&mut self) {
        debug_assert!(self.wanted < self.max);
        self.wanted += 1;
    }

    /// Lowers the number by one worker that is to exit.
    pub(super) fn shrink(&mut self) {
        debug_assert!(self.can_shrink());
        self.wanted -= 1;
    }

    /// Sets the number once and for all.
    pub(super) fn fix(&mut self, wanted: usize) {
        (self.wanted, self.min, self.max) = (wanted, wanted, wanted);
    }

    /// Sets the number of remote workers.
    // Only with the feature `mpi` are there any.
    #[cfg_attr(not(feature = "mpi"), allow(dead_code))]
    pub(super) fn set_remote(&mut self, count: usize) {
        (self.wanted, self.max) = (count, count);
    }
}
