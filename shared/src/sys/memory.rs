//! The memory of processes: how much they use and may use, and large pages for large buffers.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use nix::libc::c_void;
use nix::sys::mman::{MmapAdvise, madvise};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rustix::param::page_size;

/// Returns the resident memory in bytes of the process `pid`, or of this one; 0 if it cannot be
/// read.
pub(crate) fn resident(pid: Option<u32>) -> u64 {
    let path = pid.map_or("/proc/self/statm".to_string(), |pid| format!("/proc/{pid}/statm"));
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let pages: u64 = text.split_whitespace().nth(1).and_then(|field| field.parse().ok()).unwrap_or(0);
    pages * page_size() as u64
}

/// Returns the size in bytes of the stack for a thread that takes the place of the main one.
pub(crate) fn stack_size() -> usize {
    const USUAL: u64 = 8 << 20;
    const MAX: u64 = 1 << 30;
    match getrlimit(Resource::RLIMIT_STACK) {
        Ok((bytes, _)) if bytes <= MAX => bytes.max(1 << 20) as usize,
        _ => USUAL as usize,
    }
}

/// Limits the memory that this process may take for its data (heap, private mappings, stacks of new
/// threads), in bytes.
pub(crate) fn limit_memory(bytes: u64) -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_DATA, bytes, bytes)
}

/// Returns whether a buffer that is not needed any more can take `len` bytes in place of a new one:
/// it holds them, and wastes no more than as much again.
pub(crate) fn fits(buffer: &Vec<u8>, len: usize) -> bool {
    buffer.capacity() >= len && buffer.capacity() / 2 <= len
}

/// Buffers from this size on are worth the call: two of the 2 MiB pages of x86-64 and aarch64.
const LARGE: usize = 4 << 20;

/// Asks the kernel for large pages behind a buffer that is about to be filled. With small ones, a
/// page fault every 4 KiB costs more than the copying (it took 120 of 165 ms for 64 MiB, there and
/// back, where this was measured).
pub(crate) fn on_large_pages<T>(buffer: &mut Vec<T>) {
    let bytes = buffer.capacity().saturating_mul(size_of::<T>());
    if bytes < LARGE {
        return;
    }
    let page = page_size();
    let start = buffer.as_mut_ptr().cast::<u8>();
    let ahead = start.align_offset(page);
    let len = (bytes - ahead) / page * page;
    // SAFETY: start + ahead lies inside the buffer's allocation, and so do the `len` bytes from
    // there. The advice changes how the kernel backs them, not what they hold.
    let outcome = unsafe {
        NonNull::new(start.add(ahead).cast::<c_void>()).map(|at| madvise(at, len, MmapAdvise::MADV_HUGEPAGE))
    };
    // A kernel without large pages refuses, and small ones do.
    let _ = outcome;
}
