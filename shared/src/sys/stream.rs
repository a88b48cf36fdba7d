//! Sockets that carry a stream of bytes, with deadlines: unnamed pairs within the machine, TCP
//! beyond it.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};

use crate::error::{Context, Result};

/// Two connected ends; neither survives an exec.
pub(crate) fn pair() -> Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)
        .context("cannot create a socket pair")
}

/// What `poll` may wait for `deadline`, rounded up so that it does not wake just before.
pub(crate) fn patience(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now());
    let milliseconds = left.as_nanos().div_ceil(1_000_000);
    PollTimeout::from(u16::try_from(milliseconds).unwrap_or(u16::MAX))
}

/// Waits until there is something to read, or the other end is gone; `false` if the deadline comes
/// first.
pub(crate) fn await_readable(fd: impl AsFd, deadline: Option<Instant>) -> io::Result<bool> {
    await_event(fd.as_fd(), PollFlags::POLLIN, deadline)
}

fn await_event(fd: BorrowedFd<'_>, event: PollFlags, deadline: Option<Instant>) -> io::Result<bool> {
    loop {
        match poll(&mut [PollFd::new(fd, event)], patience(deadline)) {
            Ok(0) if deadline.is_some_and(|deadline| deadline <= Instant::now()) => return Ok(false),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Takes what is there, and waits for the first byte of it until the deadline; 0 bytes are the end.
pub(crate) fn receive(fd: impl AsFd, buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
    let fd = fd.as_fd();
    let call = |flags| recv(fd.as_raw_fd(), buffer, flags);
    transfer(fd, PollFlags::POLLIN, deadline, call)
}

/// Gives as much of `bytes` as there is room for, and waits for the first byte's until the
/// deadline.
pub(crate) fn give(fd: impl AsFd, bytes: &[u8], deadline: Option<Instant>) -> io::Result<usize> {
    let fd = fd.as_fd();
    let call = |flags| send(fd.as_raw_fd(), bytes, flags | MsgFlags::MSG_NOSIGNAL);
    transfer(fd, PollFlags::POLLOUT, deadline, call)
}

fn transfer(
    fd: BorrowedFd<'_>,
    event: PollFlags,
    deadline: Option<Instant>,
    mut call: impl FnMut(MsgFlags) -> nix::Result<usize>,
) -> io::Result<usize> {
    let flags = if deadline.is_some() { MsgFlags::MSG_DONTWAIT } else { MsgFlags::empty() };
    loop {
        match call(flags) {
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                if !await_event(fd, event, deadline)? {
                    return Err(ErrorKind::TimedOut.into());
                }
            }
            outcome => return Ok(outcome?),
        }
    }
}
