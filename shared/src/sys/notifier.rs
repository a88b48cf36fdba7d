//! A wake-up that a thread can wait for beside sockets: an eventfd.
//!
//! Rings coalesce: a thousand rings before the listener looks are one (pitfall: a wake-up pipe that
//! fills stops its pool).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd::{read, write};

use crate::error::{Context, Result};

/// A counter that `poll` reports as readable once somebody rang.
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

    /// Wakes whoever polls. Never blocks: a full counter means that the listener has its wake-up
    /// already.
    pub(crate) fn notify(&self) {
        let _ = write(&self.0, &1u64.to_ne_bytes());
    }

    /// Takes all rings so far.
    pub(crate) fn clear(&self) {
        let _ = read(&self.0, &mut [0; 8]);
    }
}

impl AsFd for Notifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
