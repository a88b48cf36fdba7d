//! Waits for descriptors, and a notifier that ends such a wait.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd::{read, write};

use crate::error::{Context, Result};

/// Converts a timeout for `poll`: rounded up, so that the wait does not end just before, and 24
/// days at most, after which the caller looks at its clock again.
pub(crate) fn timeout(left: Option<Duration>) -> PollTimeout {
    let Some(left) = left else { return PollTimeout::NONE };
    let milliseconds = i32::try_from(left.as_nanos().div_ceil(1_000_000));
    milliseconds.ok().and_then(|ms| ms.try_into().ok()).unwrap_or(PollTimeout::MAX)
}

/// Returns the timeout of `poll` for `deadline`.
pub(crate) fn timeout_until(deadline: Option<Instant>) -> PollTimeout {
    timeout(deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())))
}

/// Waits until there is something to read, or the other end is closed; returns `false` if the
/// deadline comes first.
pub(crate) fn await_readable(fd: impl AsFd, deadline: Option<Instant>) -> io::Result<bool> {
    await_event(fd.as_fd(), PollFlags::POLLIN, deadline)
}

/// Waits until there is room to write, or the other end is closed; returns `false` if the deadline
/// comes first.
pub(crate) fn await_writable(fd: impl AsFd, deadline: Option<Instant>) -> io::Result<bool> {
    await_event(fd.as_fd(), PollFlags::POLLOUT, deadline)
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

/// Returns whether the other end of the pipe or socket is closed.
pub(crate) fn is_hung_up(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::empty())];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ended| ended > 0)
}

/// An eventfd: a counter that `poll` reports as readable once it was notified.
///
/// Notifications coalesce: a thousand of them before the waiter reads are one, whereas a wake-up
/// pipe that fills would stop its pool.
#[derive(Debug)]
pub(crate) struct Notifier(OwnedFd);

impl Notifier {
    pub(crate) fn new() -> Result<Self> {
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        EventFd::from_value_and_flags(0, flags).map(|fd| Self(fd.into())).context("cannot create an eventfd")
    }

    pub(crate) fn from_fd(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Makes the counter readable, and so wakes the threads that poll it. Never blocks: a counter
    /// that is full is readable already.
    pub(crate) fn notify(&self) {
        let _ = write(&self.0, &1u64.to_ne_bytes());
    }

    /// Resets the counter.
    pub(crate) fn clear(&self) {
        let _ = read(&self.0, &mut [0; 8]);
    }
}

impl AsFd for Notifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
