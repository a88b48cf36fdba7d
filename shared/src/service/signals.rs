//! Catching signals: a flag for each, and a wake-up for whoever polls.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::signal::Signal;
use signal_hook::low_level::{pipe, unregister};
use signal_hook::{SigId, flag};

use crate::sys::signals::Disposition;

/// signal-hook's handlers. It installs each once and takes none away, so after another was put in
/// its place only we can put it back.
static HANDLERS: Mutex<BTreeMap<i32, Disposition>> = Mutex::new(BTreeMap::new());

/// A signal that is caught as long as this lives. Then it does again what it did before.
pub(super) struct Caught {
    signal: Signal,
    came: Arc<AtomicBool>,
    /// Readable from the moment that the signal comes until [`take`](Caught::take).
    wake: UnixStream,
    actions: Vec<SigId>,
    before: Disposition,
}

impl Caught {
    pub(super) fn new(signal: Signal) -> io::Result<Self> {
        let (wake, wakes) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let before = Disposition::of(signal)?;
        let mut caught = Self { signal, came: Arc::default(), wake, actions: Vec::new(), before };
        // In this order, so that the flag is up when the poll wakes.
        caught.actions.push(flag::register(signal as i32, caught.came.clone())?);
        caught.actions.push(pipe::register(signal as i32, wakes)?);
        let now = Disposition::of(signal)?;
        HANDLERS.lock().unwrap_or_else(PoisonError::into_inner).entry(signal as i32).or_insert(now).restore(signal);
        Ok(caught)
    }

    /// Whether the signal came and was not taken.
    pub(super) fn has_come(&self) -> bool {
        self.came.load(SeqCst)
    }

    /// Whether the signal came since it was last asked.
    pub(super) fn take(&self) -> bool {
        // The flag is up before the wake-up is written: one that is read here has its flag seen below.
        self.quiet();
        self.came.swap(false, SeqCst)
    }

    /// Takes the wake-ups, not the signal.
    pub(super) fn quiet(&self) {
        while matches!((&self.wake).read(&mut [0; 64]), Ok(1..)) {}
    }
}

impl AsFd for Caught {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        // First the disposition: a signal in between must not find signal-hook's handler with nothing to
        // do.
        self.before.restore(self.signal);
        for action in self.actions.drain(..) {
            unregister(action);
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::raise;

    use super::*;

    #[test]
    fn a_signal_is_caught_twice_and_does_in_between_what_it_did_before() -> io::Result<()> {
        let signal = Signal::SIGWINCH;
        let before = Disposition::of(signal)?;
        for _ in 0..2 {
            let caught = Caught::new(signal)?;
            assert!(!caught.take());
            raise(signal)?;
            assert!(caught.has_come() && caught.take() && !caught.take());
            drop(caught);
            // Caught by nobody now, or this would be seen by the next.
            raise(signal)?;
        }
        before.restore(signal);
        Ok(())
    }
}
