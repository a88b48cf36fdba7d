//! This process' id, without asking the kernel each time.
#![allow(unsafe_code)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use nix::libc;

/// 0 if it is not known.
static PID: AtomicU32 = AtomicU32::new(0);

/// As `std::process::id()`, which is a system call: it would take longer than all else that a free lock needs.
pub(crate) fn own_pid() -> u32 {
    match PID.load(Relaxed) {
        0 => ask(),
        pid => pid,
    }
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
    }
    // SAFETY: all that the handler does, in a fresh fork, is to store to an atomic.
    *ARRANGED.get_or_init(|| unsafe { libc::pthread_atfork(None, None, Some(forget)) } == 0)
}
