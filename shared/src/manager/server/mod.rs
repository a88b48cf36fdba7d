//! The manager's process: accepts clients, and serves each in a thread of its own.
//!
//! Clients on this machine come through a socket whose other end only proxies have: each sends one
//! end of a fresh socket pair. Others come by TCP, and first prove in a [handshake] that they have
//! the key. A [session] receives requests; the [objects] are locked one by one, and never while
//! anything is received or sent, so that a slow client holds up no other. [`Setup`] is what the
//! process starts with.

mod blocking_queue;
#[cfg(feature = "manager-tcp")]
mod handshake;
mod objects;
mod session;
#[cfg(test)]
mod tests;

#[cfg(feature = "manager-tcp")]
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Context, Result};
use crate::fds::{self, Descriptor, Travel};
use crate::kind::ObjectKind;
use crate::manager::framed_stream::FramedStream;
#[cfg(feature = "manager-tcp")]
use crate::manager::key::Key;
use crate::manager::protocol::ManagerId;
use crate::sys::poll::timeout_until;
use crate::sys::socket::{Received, Socket};

#[cfg(feature = "manager-tcp")]
use handshake::Handshakes;
use objects::Objects;
use session::Session;

/// Runs the manager's process. Returns once no process has a proxy any more.
pub(super) fn serve(setup: Setup) {
    // An error can be reported nowhere: the clients find their connections closed.
    let _ = Server::new(&setup).and_then(Server::run);
}

struct Server {
    socket: Socket,
    #[cfg(feature = "manager-tcp")]
    handshakes: Option<Handshakes>,
    objects: Arc<Objects>,
}

impl Server {
    fn new(setup: &Setup) -> Result<Self> {
        #[cfg(feature = "manager-tcp")]
        let handshakes = setup.listener()?.map(|(listener, key)| Handshakes::new(listener, key)).transpose()?;
        Ok(Self {
            socket: setup.socket()?,
            #[cfg(feature = "manager-tcp")]
            handshakes,
            objects: Arc::new(Objects::new(setup.manager, setup.max_message)),
        })
    }

    #[cfg_attr(not(feature = "manager-tcp"), expect(unused_mut, reason = "only the handshakes change"))]
    fn run(mut self) -> Result<()> {
        loop {
            let ready = self.wait().context("cannot wait for clients")?;
            if ready.first() == Some(&true) && !self.accept_local() {
                return Ok(());
            }
            #[cfg(feature = "manager-tcp")]
            if let Some(handshakes) = &mut self.handshakes {
                for stream in handshakes.advance(ready.get(1..).unwrap_or_default()) {
                    Session::new(stream, &self.objects).spawn();
                }
            }
        }
    }

    /// Waits for something to do. Returns which of the descriptors are ready: the socket, then
    /// those of the handshakes.
    fn wait(&self) -> nix::Result<Vec<bool>> {
        let (fds, deadline) = self.awaited();
        let mut fds: Vec<PollFd<'_>> = fds.into_iter().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        match poll(&mut fds, timeout_until(deadline)) {
            Err(Errno::EINTR) => Ok(vec![false; fds.len()]),
            Err(error) => Err(error),
            Ok(_) => Ok(fds.iter().map(|fd| fd.any().unwrap_or(true)).collect()),
        }
    }

    /// Returns the descriptors to wait for, and until when.
    fn awaited(&self) -> (Vec<BorrowedFd<'_>>, Option<Instant>) {
        #[cfg(feature = "manager-tcp")]
        if let Some(handshakes) = &self.handshakes {
            return (std::iter::once(self.socket.as_fd()).chain(handshakes.fds()).collect(), handshakes.deadline());
        }
        (vec![self.socket.as_fd()], None)
    }

    /// Starts a session with each client that waits at the socket; returns `false` if no client can
    /// come any more.
    fn accept_local(&self) -> bool {
        loop {
            match self.socket.receive(&mut [0; 8]) {
                Ok(Received::Message(_, mut fds)) => {
                    if let Some(end) = fds.pop() {
                        Session::new(FramedStream::new(end), &self.objects).spawn();
                    }
                }
                // The client finds its connection closed.
                Ok(Received::Truncated(_)) => {}
                Ok(Received::Nothing) => return true,
                Ok(Received::End) | Err(_) => return false,
            }
        }
    }
}

/// What the server starts with.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    manager: ManagerId,
    /// The most bytes of a message.
    max_message: u64,
    socket: MovedFd,
    #[cfg(feature = "manager-tcp")]
    listener: Option<(MovedFd, Key)>,
}

impl Setup {
    /// Returns a setup with the server's end of the socket for clients on this machine.
    pub(super) fn new(manager: ManagerId, max_message: u64, socket: OwnedFd) -> Self {
        Self {
            manager,
            max_message,
            socket: MovedFd::new(socket),
            #[cfg(feature = "manager-tcp")]
            listener: None,
        }
    }

    /// Adds the listener for clients by TCP, and the key that they must have.
    #[cfg(feature = "manager-tcp")]
    pub(super) fn with_listener(self, listener: TcpListener, key: Key) -> Self {
        Self { listener: Some((MovedFd::new(listener.into()), key)), ..self }
    }

    /// Returns the server's end of the socket for clients on this machine.
    fn socket(&self) -> Result<Socket> {
        self.socket.to_owned_fd().map(Socket::from_fd)
    }

    /// Returns the listener for clients by TCP and the key, if there are any.
    #[cfg(feature = "manager-tcp")]
    fn listener(&self) -> Result<Option<(TcpListener, Key)>> {
        let Some((listener, key)) = &self.listener else { return Ok(None) };
        Ok(Some((listener.to_owned_fd()?.into(), key.clone())))
    }
}

/// A descriptor that moves with the message: the sender closes it once it was sent.
#[derive(Debug)]
struct MovedFd(Arc<Descriptor>);

impl MovedFd {
    fn new(fd: OwnedFd) -> Self {
        Self(Arc::new(Descriptor::new(fd)))
    }

    fn to_owned_fd(&self) -> Result<OwnedFd> {
        self.0.as_fd().try_clone_to_owned().context("cannot duplicate a descriptor")
    }
}

impl Serialize for MovedFd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fds::serialize(&self.0, ObjectKind::ManagerMessage, Travel::Moved, serializer)
    }
}

impl<'de> Deserialize<'de> for MovedFd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fds::deserialize(ObjectKind::ManagerMessage, deserializer).map(Self)
    }
}
