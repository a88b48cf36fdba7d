//! The window of a lazy call: how many of its items may be under way.

use crate::executor::CallOptions;

/// The bytes of arguments and results that a lazy call has under way, unless four chunks for each
/// worker have more, or the caller has set a window: enough to keep the workers busy, and little
/// beside the memory of a machine.
const MAX_UNDER_WAY: u64 = 64 << 20;

/// Counts the items of a lazy call that are under way: taken from the source and not yet returned.
pub(super) struct Window {
    chunksize: usize,
    /// Items that may be under way.
    size: usize,
    /// The part of it that is used whatever the size of its items, and alone until that is known.
    /// The whole, if the caller has set it.
    min: usize,
    under_way: usize,
}

impl Window {
    /// Returns the window of a call with these options on `breadth` workers. If they do not set it,
    /// it has room for `min` items.
    pub(super) fn new(options: CallOptions, breadth: usize, min: usize) -> Self {
        let (chunksize, size) = (options.chunksize().unwrap_or(1), options.window(breadth, min));
        let min = if options.has_window() { size } else { chunksize.saturating_mul(4 * breadth).min(size) };
        Self { chunksize, size, min, under_way: 0 }
    }

    /// Returns the number of items that are taken from the source at a time.
    pub(super) fn chunksize(&self) -> usize {
        self.chunksize
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn under_way(&self) -> usize {
        self.under_way
    }

    /// Returns whether there is room for a chunk. `task_bytes` returns the bytes of an item and its
    /// result, if they are known.
    pub(super) fn has_room(&self, task_bytes: impl FnOnce() -> Option<u64>) -> bool {
        let next = self.under_way.saturating_add(self.chunksize);
        // The items are bounded, and so are their bytes, by what those before them had.
        let is_light = |bytes: u64| bytes.saturating_mul(next as u64) <= MAX_UNDER_WAY;
        next <= self.size && (next <= self.min || task_bytes().is_some_and(is_light))
    }

    /// Counts an item that was taken from the source.
    pub(super) fn add(&mut self) {
        self.under_way += 1;
    }

    /// Counts an item whose result is returned.
    pub(super) fn remove(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }
}

impl Default for Window {
    /// Returns that of a call without items.
    fn default() -> Self {
        Self { chunksize: 1, size: 1, min: 1, under_way: 0 }
    }
}
