//! An owned descriptor that other processes may be given.
#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

use crate::sys::pid::PerProcess;
use crate::sys::process::replace_by_null;

#[cfg(feature = "tokio")]
pub(crate) use watched::watch_readable;

/// All descriptors of handles in this process, without those that a fork has inherited.
static OPEN: PerProcess<Mutex<BTreeSet<RawFd>>> = PerProcess::new();

/// A descriptor behind a handle. It closes with its last owner.
#[derive(Debug)]
pub(crate) struct Descriptor(OwnedFd);

impl Descriptor {
    pub(crate) fn new(fd: OwnedFd) -> Self {
        OPEN.get().lock().unwrap_or_else(PoisonError::into_inner).insert(fd.as_raw_fd());
        Self(fd)
    }

    /// Returns the descriptor, as one that is no handle's any more.
    pub(crate) fn into_fd(self) -> OwnedFd {
        let this = ManuallyDrop::new(self);
        this.unregister();
        // SAFETY: `this` is neither used nor dropped after this, so that the descriptor has one
        // owner.
        unsafe { std::ptr::read(&this.0) }
    }

    fn unregister(&self) {
        OPEN.get().lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0.as_raw_fd());
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        self.unregister();
    }
}

/// Closes, in a new fork, the handles that it has inherited: a pipe would never end otherwise. The
/// numbers stay in use, for the null device, so that what still refers to them cannot reach another
/// file.
pub(crate) fn close_inherited() {
    // Another thread may have held the lock at the fork, if the permit was unchecked; then they
    // stay open.
    if let Some(Ok(open)) = OPEN.last().map(Mutex::try_lock) {
        // SAFETY: copies of handles do no more with these than close them, or send them on to where
        // the null device is refused.
        open.iter().for_each(|fd| unsafe { replace_by_null(*fd) });
    }
}

/// Descriptors that tokio watches.
#[cfg(feature = "tokio")]
mod watched {
    use std::os::fd::{AsFd, AsRawFd, RawFd};

    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use super::Descriptor;
    use crate::error::{Context, Result};

    /// A descriptor that is owned, and so stays open and the same.
    pub(crate) struct Watched(Descriptor);

    impl AsRawFd for Watched {
        fn as_raw_fd(&self) -> RawFd {
            self.0.as_fd().as_raw_fd()
        }
    }

    /// Registers the descriptor with the runtime of this thread, which there must be, to wait until
    /// it is readable.
    pub(crate) fn watch_readable(descriptor: Descriptor) -> Result<AsyncFd<Watched>> {
        // SAFETY: the descriptor is owned by what is registered, no other code can close it, and it
        // is the same at every call.
        let watched = unsafe { AsyncFd::register_with_interest(Watched(descriptor), Interest::READABLE) };
        watched.map_err(std::io::Error::from).context("cannot watch a descriptor")
    }
}
