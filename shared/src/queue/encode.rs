//! Values as bytes, and the buffers in which they become so.

use std::cell::Cell;

use serde::Serialize;

use crate::error::Result;
use crate::{codec, fds};

/// Bytes of the largest buffer that a thread keeps: new memory costs as much as a copy, since each
/// of its pages is cleared at its first use.
const MAX_KEPT: usize = 4 << 20;

const NO_HANDLES: &str = "a value with a handle in it (connection, queue, lock, …) cannot go through a queue: give the handle to the \
     process as an argument, or send it through a Connection";

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Calls `work` with an empty buffer, which the thread keeps for its next value.
pub(super) fn with_buffer<R>(work: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut buffer = BUFFER.take();
    let result = work(&mut buffer);
    if buffer.capacity() <= MAX_KEPT {
        buffer.clear();
        BUFFER.set(buffer);
    }
    result
}

/// Passes the bytes of `value` to `put`, without a copy if it is plain data.
pub(super) fn encode<T: Serialize + 'static>(value: &T, put: impl FnOnce(&[u8]) -> Result<()>) -> Result<()> {
    if let Some(bytes) = codec::view(value) {
        return put(bytes);
    }
    with_buffer(|bytes| {
        fds::forbid(NO_HANDLES, || codec::guard_encoding::<T>(|| codec::encode_ref(value, bytes)))?;
        put(bytes)
    })
}
