//! The handles of a queue that other processes hold, counted by the kernel.
//!
//! Every handle that is made for another process gets an open file description of its own, with a
//! read lock on the first byte (`fcntl(2)`, "Open file description locks"). The kernel drops the
//! lock with the description, however its process ends, also while it is on its way through a
//! socket; and it can be asked whether any other description holds one.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;

use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::libc::{self, flock};
use nix::sys::stat::Mode;

use crate::error::{Context, Result};

fn first_byte(kind: i32) -> flock {
    flock { l_type: kind as i16, l_whence: libc::SEEK_SET as i16, l_start: 0, l_len: 1, l_pid: 0 }
}

/// Adds the description behind `fd` to the count.
pub(super) fn add(fd: impl AsFd) -> Result<()> {
    fcntl(fd, FcntlArg::F_OFD_SETLK(&first_byte(libc::F_RDLCK))).map(drop).context("cannot share a queue")
}

/// Opens a new description of the same memory, which counts by itself.
pub(super) fn duplicate(fd: impl AsFd) -> Result<OwnedFd> {
    let path = PathBuf::from(format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd()));
    let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC;
    let duplicate = open(&path, flags, Mode::empty()).context("cannot share a queue")?;
    add(&duplicate)?;
    Ok(duplicate)
}

/// Returns whether no other description is counted.
pub(super) fn is_last(fd: impl AsFd) -> bool {
    let mut lock = first_byte(libc::F_WRLCK);
    fcntl(fd, FcntlArg::F_OFD_GETLK(&mut lock)).is_ok() && i32::from(lock.l_type) == libc::F_UNLCK
}
