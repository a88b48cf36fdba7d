//! Buffers between a value and the memory of its queue.

use std::cell::Cell;

/// The most bytes that a thread keeps: new memory costs as much as a copy, since each of its pages
/// is cleared at its first use.
const KEPT: usize = 4 << 20;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Runs `work` with an empty buffer, which the thread keeps for its next value.
pub(super) fn with_buffer<R>(work: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut buffer = BUFFER.take();
    let result = work(&mut buffer);
    if buffer.capacity() <= KEPT {
        buffer.clear();
        BUFFER.set(buffer);
    }
    result
}
