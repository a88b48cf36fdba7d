//! Waits for descriptors, until a deadline.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Returns the timeout of `poll` for `deadline`, rounded up so that it does not end just before.
pub(crate) fn timeout_until(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now());
    let milliseconds = left.as_nanos().div_ceil(1_000_000);
    PollTimeout::from(u16::try_from(milliseconds).unwrap_or(u16::MAX))
}

/// Waits until there is something to read, or the other end is closed; returns `false` if the
/// deadline comes first.
pub(crate) fn await_readable(fd: impl AsFd, deadline: Option<Instant>) -> io::Result<bool> {
    await_event(fd.as_fd(), PollFlags::POLLIN, deadline)
}

pub(super) fn await_event(fd: BorrowedFd<'_>, event: PollFlags, deadline: Option<Instant>) -> io::Result<bool> {
    loop {
        match poll(&mut [PollFd::new(fd, event)], timeout_until(deadline)) {
            Ok(0) if deadline.is_some_and(|deadline| deadline <= Instant::now()) => return Ok(false),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}
