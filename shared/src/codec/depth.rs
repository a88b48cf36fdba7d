//! How deeply values may be nested, and the room on the stack for those that are.

/// Levels of nesting that need no stack of their own.
pub(super) const SHALLOW: u32 = 32;

/// Levels between two checks of the stack that is left.
pub(super) const STEP: u32 = 8;

/// Levels of nesting that a message may have.
///
/// A level is a sequence, map, struct, variant or `Some`, so that a type that contains itself as
/// `Option<Box<Self>>`, `Vec<Self>` or a variant's field may do so at least a quarter as often.
pub(super) const MAX_DEPTH: u32 = 4096;

/// Bytes of stack that one level of decoding is given, of which code without optimisation takes 1
/// to 3 KiB.
pub(super) const LEVEL_STACK: usize = 8 << 10;

/// Bytes of stack that one level of encoding is given. Without optimisation, an enum's code has
/// room for what each of its variants needs.
pub(super) const WRITING_STACK: usize = 32 << 10;

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
