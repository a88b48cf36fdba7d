//! A notification that a thread can wait for beside sockets: an eventfd.
//!
//! Notifications coalesce: a thousand of them before the waiter reads are one, whereas a wake-up
//! pipe that fills would stop its pool.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd::{read, write};

use crate::error::{Context, Result};

/// A counter that `poll` reports as readable once it was notified.
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

    /// Makes the eventfd readable, and so wakes the threads that poll it. Never blocks: a counter
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
