//! The other users of a queue, as far as this process can find out: a call that waits for them must
//! end when they are gone.
//!
//! Other processes are counted by the kernel: every handle that is made for one gets an open file
//! description of its own, with a read lock on the first byte (`fcntl(2)`, "Open file description
//! locks"). The kernel drops the lock with the description, however its process ends, also while it
//! is on its way through a socket; and it can be asked whether any other description holds one.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::libc::{self, flock};
use nix::sys::stat::Mode;

use crate::error::{Context, Result};
use crate::fds::Descriptor;
use crate::queue::active_threads::{ActiveThreads, WaitingThread};

/// What this process has done with a queue, and which of its threads may use it.
#[derive(Debug)]
pub(super) struct Peers {
    has_put: AtomicBool,
    has_taken: AtomicBool,
    threads: ActiveThreads,
    /// The description that handles for other processes are sent by, while one is on its way.
    in_flight: Mutex<Weak<Descriptor>>,
}

impl Peers {
    pub(super) fn new() -> Self {
        Self {
            has_put: AtomicBool::new(false),
            has_taken: AtomicBool::new(false),
            threads: ActiveThreads::new(),
            in_flight: Mutex::default(),
        }
    }

    pub(super) fn record_put(&self) {
        record(&self.has_put);
    }

    pub(super) fn record_taken(&self) {
        record(&self.has_taken);
    }

    pub(super) fn has_put(&self) -> bool {
        self.has_put.load(Relaxed)
    }

    pub(super) fn has_taken(&self) -> bool {
        self.has_taken.load(Relaxed)
    }

    /// Returns whether no other process has a handle, and no other thread of this one may use it.
    /// From then on this thread counts as one that waits, as long as `waiting` lives.
    pub(super) fn are_gone<'a>(&'a self, fd: impl AsFd, waiting: &mut Option<WaitingThread<'a>>) -> bool {
        if !is_last(&fd) {
            return false;
        }
        waiting.get_or_insert_with(|| self.threads.begin_wait());
        // Another thread may have sent a handle between the first look and the second.
        !self.threads.any_other() && is_last(&fd)
    }

    /// Returns the descriptor to send to another process. One description serves all that are on
    /// their way at a time.
    pub(super) fn descriptor_to_send(&self, fd: impl AsFd) -> Result<Arc<Descriptor>> {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(descriptor) = in_flight.upgrade() {
            return Ok(descriptor);
        }
        let descriptor = Arc::new(Descriptor::new(duplicate(fd)?));
        *in_flight = Arc::downgrade(&descriptor);
        Ok(descriptor)
    }

    /// Records that the calling thread has sent a handle to another process.
    pub(super) fn record_sent(&self) {
        self.threads.record_sender();
    }
}

/// Sets a flag, without a write to its cache line if it is set.
fn record(flag: &AtomicBool) {
    if !flag.load(Relaxed) {
        flag.store(true, Relaxed);
    }
}

fn first_byte(kind: i32) -> flock {
    flock { l_type: kind as i16, l_whence: libc::SEEK_SET as i16, l_start: 0, l_len: 1, l_pid: 0 }
}

/// Adds the description behind `fd` to the count.
pub(super) fn count_in(fd: impl AsFd) -> Result<()> {
    fcntl(fd, FcntlArg::F_OFD_SETLK(&first_byte(libc::F_RDLCK))).map(drop).context("cannot share a queue")
}

/// Opens a new description of the same memory, which counts by itself.
fn duplicate(fd: impl AsFd) -> Result<OwnedFd> {
    let path = PathBuf::from(format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd()));
    let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC;
    let duplicate = open(&path, flags, Mode::empty()).context("cannot share a queue")?;
    count_in(&duplicate)?;
    Ok(duplicate)
}

/// Returns whether no other description is counted.
fn is_last(fd: impl AsFd) -> bool {
    let mut lock = first_byte(libc::F_WRLCK);
    fcntl(fd, FcntlArg::F_OFD_GETLK(&mut lock)).is_ok() && i32::from(lock.l_type) == libc::F_UNLCK
}
