//! Unix sockets that keep message boundaries and carry descriptors (`SCM_RIGHTS`).

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, Shutdown, SockFlag, SockType, UnixAddr, getsockname, getsockopt, sendmsg,
    shutdown, socketpair, sockopt,
};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, recvmsg};

use crate::error::{Context, Error, Result};

/// Descriptors that a message may have: `SCM_MAX_FD` in `include/net/scm.h`.
const MAX_FDS: usize = 253;

/// One end of a socket pair for small messages.
#[derive(Debug)]
pub(crate) struct Socket(OwnedFd);

/// The result of [`receive`].
pub(crate) enum Received {
    /// A message of this many bytes, with its descriptors in order.
    Message(usize, Vec<OwnedFd>),
    /// A message of this many bytes whose descriptors are lost: this process has no room for all of
    /// them.
    Truncated(usize),
    /// Nothing now.
    Nothing,
    /// The other end is closed.
    End,
}

impl Socket {
    /// Creates two connected ends, which close on exec.
    pub(crate) fn pair() -> Result<(Self, Self)> {
        let (a, b) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
            .context("cannot create a socket pair")?;
        Ok((Self(a), Self(b)))
    }

    pub(crate) fn from_fd(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Sends one message; see [`send`].
    pub(crate) fn send(&self, bytes: &[u8], fds: &[BorrowedFd<'_>], wait: bool) -> nix::Result<()> {
        send(&self.0, bytes, fds, wait)
    }

    /// Receives one message; see [`receive`].
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> nix::Result<Received> {
        receive(&self.0, buffer)
    }

    /// Shuts down the sending side: the other end reads the end of the messages, even while another
    /// process has a copy of this end.
    pub(crate) fn shut_down(&self) {
        // It fails only if the other end is gone.
        let _ = shutdown(self.0.as_raw_fd(), Shutdown::Write);
    }
}

/// Sends one message. With `wait`, waits for room; without, a full socket is `EAGAIN`.
pub(crate) fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>], wait: bool) -> nix::Result<()> {
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control = if raw.is_empty() { &[][..] } else { &rights[..] };
    let mut flags = MsgFlags::MSG_NOSIGNAL;
    flags.set(MsgFlags::MSG_DONTWAIT, !wait);
    loop {
        match sendmsg::<()>(socket.as_fd().as_raw_fd(), &[IoSlice::new(bytes)], control, flags, None) {
            Err(Errno::EINTR) => continue,
            outcome => return outcome.map(drop),
        }
    }
}

/// Receives one message, without waiting.
///
/// The descriptors are owned from the start: the control messages of nix are bare numbers, and of a
/// truncated message it gives none, so that those which did arrive would stay open for ever.
pub(crate) fn receive(socket: impl AsFd, buffer: &mut [u8]) -> nix::Result<Received> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let mut slices = [IoSliceMut::new(buffer)];
    let message = loop {
        let received = recvmsg(socket.as_fd(), &mut slices, &mut control, flags);
        match received.map_err(|error| Errno::from_raw(error.raw_os_error())) {
            Err(Errno::EINTR) => continue,
            Err(Errno::EAGAIN) => return Ok(Received::Nothing),
            // The peer was killed with unread messages of ours in its socket.
            Err(Errno::ECONNRESET) => return Ok(Received::End),
            outcome => break outcome?,
        }
    };
    let mut fds = Vec::new();
    for control in control.drain() {
        if let RecvAncillaryMessage::ScmRights(arrived) = control {
            fds.extend(arrived);
        }
    }
    Ok(match message.bytes {
        0 => Received::End,
        len if message.flags.contains(ReturnFlags::CTRUNC) => Received::Truncated(len),
        len => Received::Message(len, fds),
    })
}

/// Fails unless the descriptor is such a socket.
pub(crate) fn check(fd: impl AsFd) -> Result<()> {
    let is_unix = getsockname::<UnixAddr>(fd.as_fd().as_raw_fd()).is_ok();
    if is_unix && getsockopt(&fd, sockopt::SockType) == Ok(SockType::SeqPacket) {
        return Ok(());
    }
    Err(Error::Config("what came is not a socket for messages".into()))
}

impl From<Socket> for OwnedFd {
    fn from(socket: Socket) -> Self {
        socket.0
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
