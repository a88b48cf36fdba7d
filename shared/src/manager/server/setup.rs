//! What the manager's process starts with: settings, and the sockets on which clients come.

#[cfg(feature = "manager-tcp")]
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Context, Result};
use crate::fds::{self, Descriptor, Travel};
use crate::kind::ObjectKind;
#[cfg(feature = "manager-tcp")]
use crate::manager::key::Key;
use crate::manager::random::ManagerId;
use crate::sys::socket::Socket;

/// What the server starts with.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::manager) struct Setup {
    pub(super) manager: ManagerId,
    /// The most bytes of a message.
    pub(super) max_message: u64,
    socket: MovedFd,
    #[cfg(feature = "manager-tcp")]
    listener: Option<(MovedFd, Key)>,
}

impl Setup {
    /// Returns a setup with the server's end of the socket for clients on this machine.
    pub(in crate::manager) fn new(manager: ManagerId, max_message: u64, socket: OwnedFd) -> Self {
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
    pub(in crate::manager) fn with_listener(self, listener: TcpListener, key: Key) -> Self {
        Self { listener: Some((MovedFd::new(listener.into()), key)), ..self }
    }

    /// Returns the server's end of the socket for clients on this machine.
    pub(super) fn socket(&self) -> Result<Socket> {
        self.socket.to_owned_fd().map(Socket::from_fd)
    }

    /// Returns the listener for clients by TCP and the key, if there are any.
    #[cfg(feature = "manager-tcp")]
    pub(super) fn listener(&self) -> Result<Option<(TcpListener, Key)>> {
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
