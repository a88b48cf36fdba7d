//! The worker's descriptors, which a task may have closed, so that their numbers may mean something
//! else by now.

use std::cell::Cell;
use std::os::fd::AsFd;

use nix::sys::stat::fstat;

use crate::fds::{self, Handles};
use crate::ring::Corrupt;
use crate::sys::clock::now_ns;
use crate::sys::notifier::Notifier;
use crate::sys::socket::Socket;

/// What the worker talks with beside the rings. Each is looked at before it is used: a byte for the
/// parent must not land in a file of the task's. A worker that has lost one can serve nobody any
/// more, and ends.
pub(super) struct Descriptors {
    notifier: Notifier,
    /// What handles come through.
    handles: Socket,
    /// What was behind them at first.
    files: [File; 2],
    /// When they were last looked at (nanoseconds of the common clock).
    checked: Cell<u64>,
}

/// Time between two looks at what is not used, in nanoseconds: a worker that is idle between short
/// tasks has no time for system calls.
const PERIOD: u64 = 1_000_000;

/// A device and a number on it; `None` if the descriptor is closed.
type File = Option<(u64, u64)>;

fn file(fd: impl AsFd) -> File {
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

    /// Finds out whether all is still there, if that was not done just now.
    pub(super) fn check(&self) -> Result<(), Corrupt> {
        let now = now_ns();
        if now.saturating_sub(self.checked.get()) < PERIOD {
            return Ok(());
        }
        self.checked.set(now);
        if [file(&self.notifier), file(&self.handles)] == self.files { Ok(()) } else { Err(Corrupt) }
    }
}
