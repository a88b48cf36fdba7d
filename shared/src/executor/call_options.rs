//! Options of one call.

/// How the tasks of a call travel, as far as the caller has said.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallOptions {
    chunksize: Option<usize>,
    window: Option<usize>,
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

    /// Returns the chunk size, if it is set; at least 1.
    pub(super) fn chunksize(self) -> Option<usize> {
        self.chunksize
    }

    /// Returns how many items of a lazy call may be under way: what is set, or else room for four
    /// chunks for each of `breadth` workers, and for `min` items. It is at least one chunk.
    pub(super) fn window(self, breadth: usize, min: usize) -> usize {
        let chunksize = self.chunksize.unwrap_or(1);
        self.window.unwrap_or(chunksize.saturating_mul(4 * breadth).max(min)).max(chunksize)
    }
}
