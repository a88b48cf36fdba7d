//! Room on the stack for values that are deeply nested.

use super::format::{LEVEL_STACK, STEP, WRITING_STACK};

/// Runs `write` where there is room for [`STEP`] more levels, on new memory if need be.
pub(super) fn with_room<R>(write: impl FnOnce() -> R) -> R {
    if cfg!(miri) {
        return write();
    }
    stacker::maybe_grow(STEP as usize * WRITING_STACK, 2 << 20, write)
}

/// Runs `read` where there is room for this many levels.
pub(super) fn with_levels<R>(levels: u32, read: impl FnOnce() -> R) -> R {
    let room = levels as usize * LEVEL_STACK;
    if cfg!(miri) || stacker::remaining_stack().is_some_and(|remaining| remaining > room + LEVEL_STACK) {
        return read();
    }
    stacker::grow(room + (128 << 10), read)
}
