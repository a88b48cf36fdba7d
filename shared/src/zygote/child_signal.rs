//! How a zygote notices that children have ended.

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use signal_hook::low_level::pipe;

/// Readable when a child has ended. Signals merge, so it says no more than that.
pub(super) enum ChildSignal {
    /// The signal is blocked, and read instead.
    Read(SignalFd),
    /// A handler writes here: in a process with threads, one of them that does not block the signal
    /// would take it and ignore it.
    Handled(UnixStream),
}

impl ChildSignal {
    /// For a process without threads, so that its forks inherit no handler.
    pub(super) fn for_single_thread() -> nix::Result<Self> {
        let mask: SigSet = [Signal::SIGCHLD].into_iter().collect();
        mask.thread_block()?;
        SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).map(Self::Read)
    }

    /// For a process with threads, which is not forked without an exec.
    pub(super) fn for_threads() -> nix::Result<Self> {
        let errno = |error: std::io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32));
        let (ours, theirs) = UnixStream::pair().map_err(errno)?;
        ours.set_nonblocking(true).map_err(errno)?;
        pipe::register(Signal::SIGCHLD as i32, theirs).map_err(errno)?;
        let mask: SigSet = [Signal::SIGCHLD].into_iter().collect();
        mask.thread_unblock()?;
        Ok(Self::Handled(ours))
    }

    /// Returns whether a handler is installed.
    pub(super) fn uses_handler(&self) -> bool {
        matches!(self, Self::Handled(_))
    }

    /// Takes all that was said so far.
    pub(super) fn drain(&mut self) {
        match self {
            Self::Read(signals) => while let Ok(Some(_)) = signals.read_signal() {},
            Self::Handled(stream) => while stream.read(&mut [0; 64]).is_ok_and(|len| len > 0) {},
        }
    }
}

impl AsFd for ChildSignal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Read(signals) => signals.as_fd(),
            Self::Handled(stream) => stream.as_fd(),
        }
    }
}
