//! A descriptor that tokio watches.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, RawFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::error::{Context, Result};
use crate::fds::Descriptor;

/// A descriptor that is owned, and so stays open and the same.
pub(crate) struct Watched(Descriptor);

impl AsRawFd for Watched {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// Has the runtime of this thread, of which there must be one, tell when the descriptor is
/// readable.
pub(crate) fn watch_readable(descriptor: Descriptor) -> Result<AsyncFd<Watched>> {
    // SAFETY: the descriptor is owned by what is registered, nobody else can close it, and it is the
    // same at every call.
    let watched = unsafe { AsyncFd::register_with_interest(Watched(descriptor), Interest::READABLE) };
    watched.map_err(std::io::Error::from).context("cannot watch a descriptor")
}
