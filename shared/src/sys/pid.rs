//! This process' id, without asking the kernel each time.
#![allow(unsafe_code)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use nix::libc;

/// 0 if it is not known.
static PID: AtomicU32 = AtomicU32::new(0);

/// 0 until it is arranged that forks are counted.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// As `std::process::id()`, which is a system call: it would take longer than all else that a free lock needs.
pub(crate) fn own_pid() -> u32 {
    match PID.load(Relaxed) {
        0 => ask(),
        pid => pid,
    }
}

/// A number that is another in each fork of this process; 0 if that could not be arranged.
#[inline]
pub(crate) fn fork_count() -> u32 {
    match FORKS.load(Relaxed) {
        0 => begin_to_count(),
        count => count,
    }
}

#[cold]
fn begin_to_count() -> u32 {
    if is_forgotten_by_forks() {
        // Another thread may have begun.
        let _ = FORKS.compare_exchange(0, 1, Relaxed, Relaxed);
    }
    FORKS.load(Relaxed)
}

#[cold]
fn ask() -> u32 {
    let pid = std::process::id();
    if is_forgotten_by_forks() {
        PID.store(pid, Relaxed);
    }
    pid
}

/// Has each fork forget its parent's id; says whether that could be arranged.
fn is_forgotten_by_forks() -> bool {
    static ARRANGED: OnceLock<bool> = OnceLock::new();
    extern "C" fn forget() {
        PID.store(0, Relaxed);
        FORKS.fetch_add(1, Relaxed);
    }
    // SAFETY: all that the handler does, in a fresh fork, is to change atomics.
    *ARRANGED.get_or_init(|| unsafe { libc::pthread_atfork(None, None, Some(forget)) } == 0)
}
