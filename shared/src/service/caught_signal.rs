//! Caught signals: a flag for each, and a descriptor to poll.

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

/// The handlers of signal-hook, which installs each once and removes none. After another handler
/// has taken its place, only this module can restore it.
static HANDLERS: Mutex<BTreeMap<i32, Disposition>> = Mutex::new(BTreeMap::new());

/// A signal that is caught as long as this value lives. Its former disposition is restored then.
pub(super) struct CaughtSignal {
    signal: Signal,
    arrived: Arc<AtomicBool>,
    /// Readable from the arrival of the signal until [`take`](CaughtSignal::take).
    wakeups: UnixStream,
    actions: Vec<SigId>,
    before: Disposition,
}

impl CaughtSignal {
    /// Catches `signal` from now on.
    pub(super) fn new(signal: Signal) -> io::Result<Self> {
        let (wakeups, handler_end) = UnixStream::pair()?;
        wakeups.set_nonblocking(true)?;
        let before = Disposition::of(signal)?;
        let mut caught = Self { signal, arrived: Arc::default(), wakeups, actions: Vec::new(), before };
        // In this order, so that the flag is set when the poll returns.
        caught.actions.push(flag::register(signal as i32, caught.arrived.clone())?);
        caught.actions.push(pipe::register(signal as i32, handler_end)?);
        let now = Disposition::of(signal)?;
        HANDLERS.lock().unwrap_or_else(PoisonError::into_inner).entry(signal as i32).or_insert(now).restore(signal);
        Ok(caught)
    }

    /// Returns whether the signal has arrived and was not taken.
    pub(super) fn has_come(&self) -> bool {
        self.arrived.load(SeqCst)
    }

    /// Returns whether the signal has arrived since the last call.
    pub(super) fn take(&self) -> bool {
        // The flag is set before the wake-up is written: if the wake-up is read here, the flag is
        // seen below.
        self.clear_wakeups();
        self.arrived.swap(false, SeqCst)
    }

    /// Makes the descriptor unreadable, without taking the signal.
    pub(super) fn clear_wakeups(&self) {
        while matches!((&self.wakeups).read(&mut [0; 64]), Ok(1..)) {}
    }
}

impl AsFd for CaughtSignal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wakeups.as_fd()
    }
}

impl Drop for CaughtSignal {
    fn drop(&mut self) {
        // The disposition first: a signal in between must not run signal-hook's handler with
        // nothing to do.
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
    fn signal_does_again_what_it_did_before_it_was_caught() -> io::Result<()> {
        let signal = Signal::SIGWINCH;
        let before = Disposition::of(signal)?;
        for _ in 0..2 {
            let caught = CaughtSignal::new(signal)?;
            assert!(!caught.take());
            raise(signal)?;
            assert!(caught.has_come() && caught.take() && !caught.take());
            drop(caught);
            // It is not caught now, or the next one would see this.
            raise(signal)?;
        }
        before.restore(signal);
        Ok(())
    }
}
