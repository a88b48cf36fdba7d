//! Sockets that carry a stream of bytes, with deadlines: unnamed pairs within the machine, TCP
//! beyond it.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};

use crate::error::{Context, Result};
use crate::sys::poll::await_event;

/// Creates two connected ends, which close on exec.
pub(crate) fn pair() -> Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)
        .context("cannot create a socket pair")
}

/// Receives what is there, and waits for the first byte until the deadline; 0 bytes are the end.
pub(crate) fn receive(fd: impl AsFd, buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
    let fd = fd.as_fd();
    let call = |flags| recv(fd.as_raw_fd(), buffer, flags);
    transfer(fd, PollFlags::POLLIN, deadline, call)
}

/// Sends as much of `bytes` as there is room for, and waits for room for the first byte until the
/// deadline.
pub(crate) fn give(fd: impl AsFd, bytes: &[u8], deadline: Option<Instant>) -> io::Result<usize> {
    let fd = fd.as_fd();
    let call = |flags| send(fd.as_raw_fd(), bytes, flags | MsgFlags::MSG_NOSIGNAL);
    transfer(fd, PollFlags::POLLOUT, deadline, call)
}

fn transfer(
    fd: BorrowedFd<'_>,
    event: PollFlags,
    deadline: Option<Instant>,
    mut call: impl FnMut(MsgFlags) -> nix::Result<usize>,
) -> io::Result<usize> {
    let flags = if deadline.is_some() { MsgFlags::MSG_DONTWAIT } else { MsgFlags::empty() };
    loop {
        match call(flags) {
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                if !await_event(fd, event, deadline)? {
                    return Err(ErrorKind::TimedOut.into());
                }
            }
            outcome => return Ok(outcome?),
        }
    }
}

/// TCP connections.
#[cfg(feature = "manager-tcp")]
pub(crate) mod tcp {
    use std::io;
    use std::net::TcpStream;
    use std::os::fd::OwnedFd;

    use nix::sys::socket::{setsockopt, sockopt};

    /// Seconds without data after which the kernel probes whether the other machine is still there.
    const IDLE: u32 = 30;
    /// Seconds between probes.
    const INTERVAL: u32 = 10;
    /// Unanswered probes that end the connection.
    const PROBES: u32 = 3;

    /// Sets a TCP connection up for requests and replies: small messages are sent at once, and the
    /// end of the other machine is detected.
    pub(crate) fn tune(stream: TcpStream) -> io::Result<OwnedFd> {
        stream.set_nodelay(true)?;
        setsockopt(&stream, sockopt::KeepAlive, &true)?;
        setsockopt(&stream, sockopt::TcpKeepIdle, &IDLE)?;
        setsockopt(&stream, sockopt::TcpKeepInterval, &INTERVAL)?;
        setsockopt(&stream, sockopt::TcpKeepCount, &PROBES)?;
        setsockopt(&stream, sockopt::TcpUserTimeout, &((IDLE + INTERVAL * PROBES) * 1000))?;
        Ok(stream.into())
    }
}
