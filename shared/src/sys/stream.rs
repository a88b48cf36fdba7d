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

/// Two connected ends; neither survives an exec.
pub(crate) fn pair() -> Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)
        .context("cannot create a socket pair")
}

/// Takes what is there, and waits for the first byte of it until the deadline; 0 bytes are the end.
pub(crate) fn receive(fd: impl AsFd, buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
    let fd = fd.as_fd();
    let call = |flags| recv(fd.as_raw_fd(), buffer, flags);
    transfer(fd, PollFlags::POLLIN, deadline, call)
}

/// Gives as much of `bytes` as there is room for, and waits for the first byte's until the
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

    /// Seconds of silence after which the system asks whether the other machine is still there.
    const SILENCE: u32 = 30;
    /// Seconds between such questions.
    const INTERVAL: u32 = 10;
    /// So many unanswered questions end the connection.
    const QUESTIONS: u32 = 3;

    /// A TCP connection for questions and answers: small messages go at once, and a machine that
    /// vanished is noticed.
    pub(crate) fn tune(stream: TcpStream) -> io::Result<OwnedFd> {
        stream.set_nodelay(true)?;
        setsockopt(&stream, sockopt::KeepAlive, &true)?;
        setsockopt(&stream, sockopt::TcpKeepIdle, &SILENCE)?;
        setsockopt(&stream, sockopt::TcpKeepInterval, &INTERVAL)?;
        setsockopt(&stream, sockopt::TcpKeepCount, &QUESTIONS)?;
        setsockopt(&stream, sockopt::TcpUserTimeout, &((SILENCE + INTERVAL * QUESTIONS) * 1000))?;
        Ok(stream.into())
    }
}
