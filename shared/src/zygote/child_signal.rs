//! SIGCHLD as a descriptor, which the zygote waits for beside its sockets.

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use signal_hook::low_level::pipe;

/// A descriptor that is readable when a child has ended. Signals merge: one may stand for several
/// children.
pub(super) enum ChildSignal {
    /// A signalfd. The signal is blocked.
    Read(SignalFd),
    /// The end of a socket to which a handler writes. In a process with threads, one that doesn't
    /// block the signal would take it and ignore it.
    Handled(UnixStream),
}

impl ChildSignal {
    /// Blocks the signal, in a process without threads, whose forks thus inherit no handler.
    pub(super) fn for_single_thread() -> nix::Result<Self> {
        let mask: SigSet = [Signal::SIGCHLD].into_iter().collect();
        mask.thread_block()?;
        SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).map(Self::Read)
    }

    /// Installs the handler, in a process with threads, which is not forked without an exec.
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

    /// Reads all signals so far.
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
