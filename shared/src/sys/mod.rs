//! Safe interfaces to system calls: shared memory, futexes, mutexes that survive their holders,
//! descriptors over sockets, fork and exec, the executable and the loaded modules, signals, the
//! clock that all processes read alike.
//!
//! This is the lowest layer: it uses nothing of pools or tasks. Together with
//! [`ring`](crate::ring)'s memory, [`task`](crate::task)'s function names, the [bootstrap
//! record](crate::bootstrap) of a new process, the runs of numbers in the [`codec`](crate::codec),
//! the guards of [`sync`](crate::sync), and the descriptors of [`fds`](crate::fds), these are the
//! only places with `unsafe` code.

pub(crate) mod environment;
pub(crate) mod executable;
pub(crate) mod exit;
pub(crate) mod futex;
#[cfg(miri)]
pub(crate) mod heap;
pub(crate) mod inherited_state;
pub(crate) mod launch;
pub(crate) mod memory;
pub(crate) mod modules;
pub(crate) mod mutex;
pub(crate) mod pid;
pub(crate) mod poll;
pub(crate) mod proc_stat;
pub(crate) mod process;
pub(crate) mod rights;
pub(crate) mod sealed;
pub(crate) mod shm;
pub(crate) mod signals;
pub(crate) mod socket;
pub(crate) mod stream_socket;
pub(crate) mod thread_id;
pub(crate) mod words;

use rustix::time::{ClockId, clock_gettime};

/// Returns the nanoseconds on `CLOCK_MONOTONIC`, which every process of the machine reads alike.
pub(crate) fn now_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
