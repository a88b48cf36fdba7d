//! The worker's descriptors. A task may have closed them, so that their numbers may belong to other
//! files.

use std::cell::Cell;
use std::os::fd::AsFd;

use nix::sys::stat::fstat;

use crate::error::Error;
use crate::fds::{self, Handles};
use crate::ring::Corrupt;
use crate::sys::now_ns;
use crate::sys::poll::Notifier;
use crate::sys::socket::Socket;

/// The descriptors by which the worker reaches its parent beside the rings. Each is checked before
/// it is used: a byte for the parent must not be written to a file of a task. A worker that has
/// lost one is of no use any more, and ends.
pub(super) struct Descriptors {
    notifier: Notifier,
    /// The socket that handles arrive by, and leave by.
    handles: Socket,
    /// The files behind both at first.
    files: [File; 2],
    /// When both were last checked while awake (nanoseconds of the common clock).
    checked: Cell<u64>,
}

/// Time between two checks while awake, in nanoseconds: between short tasks, system calls would
/// cost too much.
const PERIOD: u64 = 1_000_000;

/// A device and a number on it; `None` if the descriptor is closed.
pub(super) type File = Option<(u64, u64)>;

pub(super) fn file(fd: impl AsFd) -> File {
    fstat(fd).ok().map(|stat| (stat.st_dev, stat.st_ino))
}

impl Descriptors {
    pub(super) fn new(notifier: Notifier, handles: Socket) -> Self {
        let files = [file(&notifier), file(&handles)];
        Self { notifier, handles, files, checked: Cell::new(0) }
    }

    /// Wakes the parent.
    pub(super) fn notify(&self) -> Result<(), Corrupt> {
        if file(&self.notifier) != self.files[0] {
            return Err(Corrupt);
        }
        self.notifier.notify();
        Ok(())
    }

    /// Waits for the handles of a record.
    pub(super) fn handles(&self) -> Result<Handles, Corrupt> {
        if file(&self.handles) != self.files[1] {
            return Err(Corrupt);
        }
        fds::wait(&self.handles).map_err(|_| Corrupt)
    }

    /// Sends the handles of a result, and waits for room; returns why they cannot be sent, if so.
    pub(super) fn send_handles(&self, mut handles: Handles) -> Result<Option<String>, Corrupt> {
        if file(&self.handles) != self.files[1] {
            return Err(Corrupt);
        }
        match fds::send(&self.handles, &mut handles, true) {
            Ok(()) => Ok(None),
            // The parent is gone.
            Err(Error::Disconnected) => Err(Corrupt),
            Err(error) => Ok(Some(error.to_string())),
        }
    }

    /// Checks both descriptors, if that was not done just now.
    pub(super) fn check_now_and_then(&self) -> Result<(), Corrupt> {
        let now = now_ns();
        if now.saturating_sub(self.checked.get()) < PERIOD {
            return Ok(());
        }
        self.checked.set(now);
        self.check()
    }

    /// Checks both descriptors.
    pub(super) fn check(&self) -> Result<(), Corrupt> {
        if [file(&self.notifier), file(&self.handles)] == self.files { Ok(()) } else { Err(Corrupt) }
    }
}
