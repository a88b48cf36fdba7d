//! A pipe by which the kernel kills a process when the one with the other end ends.
//!
//! The parent-death signal is not enough: the kernel drops it when a process changes its user or
//! executes a file with capabilities. So a worker also has the kernel send it SIGKILL when its
//! zygote's end of a pipe is closed (`F_SETSIG` in fcntl(2)). That needs no thread and no CPU time,
//! works whatever the worker is doing, and ends it even if it is stopped.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::pipe2;

/// `F_SETSIG` in the kernel's `include/uapi/asm-generic/fcntl.h`, which the libc crate leaves out.
const F_SETSIG: libc::c_int = 10;

/// The parent's ends of the pipe.
#[derive(Debug)]
pub(crate) struct Lifeline {
    /// For the children.
    read: OwnedFd,
    /// Closed by the kernel when the parent ends. A child must not keep its copy.
    _write: OwnedFd,
}

impl Lifeline {
    pub(crate) fn new() -> nix::Result<Self> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
        Ok(Self { read, _write: write })
    }

    /// Opens an end for a child, which passes it to [`kill_at_end`].
    pub(crate) fn open(&self) -> nix::Result<OwnedFd> {
        // An open file has one receiver of its signals, so each child has one of its own.
        let path = format!("/proc/self/fd/{}", self.read.as_raw_fd());
        open(path.as_str(), OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC, Mode::empty())
    }
}

/// Has the kernel kill this process, a child, when the parent ends, as long as `own` is open; also
/// after an exec, if it is open there. The child must drop its copy of the [`Lifeline`] afterwards.
/// Makes system calls only.
pub(crate) fn kill_at_end(own: BorrowedFd<'_>) -> nix::Result<()> {
    signal_at_end(own, Signal::SIGKILL)
}

/// Has the kernel send `signal` to this process when the other end of the pipe or socket `fd` is
/// closed, or sends something.
pub(crate) fn signal_at_end(fd: BorrowedFd<'_>, signal: Signal) -> nix::Result<()> {
    let raw = fd.as_raw_fd();
    // SAFETY: both calls take integers only, and an open descriptor.
    Errno::result(unsafe { libc::fcntl(raw, F_SETSIG, signal as libc::c_int) })?;
    // SAFETY: as above; getpid has no preconditions.
    Errno::result(unsafe { libc::fcntl(raw, libc::F_SETOWN, libc::getpid()) })?;
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_ASYNC)).map(drop)
}

/// Returns whether the other end of the pipe or socket is closed.
pub(crate) fn has_ended(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::empty())];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ended| ended > 0)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn the_end_of_the_other_side_is_seen() -> nix::Result<()> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
        // The default of this signal is to do nothing.
        signal_at_end(read.as_fd(), Signal::SIGURG)?;
        assert!(!has_ended(read.as_fd()));
        drop(write);
        assert!(has_ended(read.as_fd()));
        Ok(())
    }
}
