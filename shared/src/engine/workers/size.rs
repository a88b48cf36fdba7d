//! How many workers there should be: `wanted`, which follows the backlog between `min` and `max`.

use crate::engine::worker_handle::WorkerHandle;
use crate::engine::workers::Workers;

impl Workers {
    /// Returns the number of workers there should be.
    pub(in crate::engine) fn wanted(&self) -> usize {
        self.wanted
    }

    /// Returns the maximum number of workers there should be.
    pub(in crate::engine) fn max(&self) -> usize {
        self.max.max(self.wanted)
    }

    /// Returns `true` if fewer workers live than there should be.
    pub(in crate::engine) fn are_missing(&self) -> bool {
        self.iter().count() < self.wanted
    }

    /// Returns `true` if there should be more workers if there is work for them.
    pub(in crate::engine) fn can_grow(&self) -> bool {
        self.wanted < self.max && self.iter().count() <= self.wanted
    }

    /// Returns `true` if there should be fewer workers if there is no work for them.
    pub(in crate::engine) fn can_shrink(&self) -> bool {
        self.wanted > self.min
    }

    /// Raises the number of workers there should be by one that was started.
    pub(in crate::engine) fn grow(&mut self) {
        debug_assert!(self.wanted < self.max);
        self.wanted += 1;
    }

    /// Has an idle worker exit, and lowers the number of workers there should be.
    pub(in crate::engine) fn shrink(&mut self, slot: usize) {
        debug_assert!(self.wanted > self.min);
        self.wanted -= 1;
        self.retire(slot);
    }

    /// Sets the number of workers there should be, once and for all. Returns serving workers that
    /// are too many, idle ones first.
    pub(in crate::engine) fn resize(&mut self, wanted: usize) -> Vec<usize> {
        (self.wanted, self.min, self.max) = (wanted, wanted, wanted);
        let serving = |slot: &usize| self.get(*slot).is_some_and(WorkerHandle::is_serving);
        let surplus = self.slots().filter(serving).count().saturating_sub(wanted);
        let busy = self.slots().filter(|slot| !self.idle.contains(slot));
        self.idle.iter().copied().chain(busy).filter(serving).take(surplus).collect()
    }

    /// Sets the number of remote workers.
    #[cfg_attr(not(feature = "mpi"), allow(dead_code))] // Only with the feature `mpi` are there any.
    pub(in crate::engine) fn set_remote(&mut self, count: usize) {
        (self.wanted, self.max) = (count, count);
    }
}
